"""What every section of a pipeline file is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(min_length=1)]
Scalar = str | int | float | bool


class Conflict(NamedTuple):
    """Keys of one section whose values do not go together, and why; it is told at the first of them."""

    keys: tuple[str, ...]
    message: str


class ConflictError(ValueError):
    """All conflicts of a section."""

    def __init__(self, conflicts: list[Conflict]) -> None:
        self.conflicts = conflicts
        super().__init__("; ".join(conflict.message for conflict in conflicts))


class Spec(BaseModel):
    """A section of the file: strict, frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def conflicts(self) -> Iterator[Conflict]:
        """Yield which values do not go together; each is sound alone."""
        yield from ()

    @model_validator(mode="after")
    def _without_conflicts(self) -> Self:
        if found := list(self.conflicts()):
            raise ConflictError(found)
        return self


class CustomSpec(Spec):
    """A section kind of your own: give it a `kind` Literal and override `build`; hand the class to `load_config`."""

    def build(self, **needs: Any) -> Any:
        """Return the part that this section describes; `needs` holds what the pipeline hands to that stage."""
        raise NotImplementedError(f"{type(self).__name__} must define build()")
