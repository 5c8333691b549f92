"""What every section of a pipeline file is."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1)]
Scalar = str | int | float | bool


class Spec(BaseModel):
    """A section of the file: strict, frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class CustomSpec(Spec):
    """A section kind of your own: give it a `kind` Literal and override `build`; hand the class to `load_config`."""

    def build(self, **needs: Any) -> Any:
        """Return the part that this section describes; `needs` holds what the pipeline hands to that stage."""
        raise NotImplementedError(f"{type(self).__name__} must define build()")
