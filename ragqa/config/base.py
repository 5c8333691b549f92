"""The base class of all specs (frozen data with a `kind`), and the marks that a field may carry about its values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

Name = Annotated[str, Field(min_length=1)]
Scalar = str | int | float | bool
Range = Annotated[dict[Literal["from", "to"], Scalar], Field(min_length=1)]
"""The lower limit of a value, the upper one, or both, which are within it: numbers, or texts such as dates."""
Mark = TypeVar("Mark")
KINDS = "kinds"
"""The key of pydantic's validation context that holds the table of kinds."""


class Conflict(NamedTuple):
    """Keys of one section whose values conflict, and the reason; the error is reported at the first key."""

    keys: tuple[str, ...]
    message: str


class ConflictError(ValueError):
    """All conflicts of a section."""

    def __init__(self, conflicts: list[Conflict]) -> None:
        self.conflicts = conflicts
        super().__init__("; ".join(conflict.message for conflict in conflicts))


class UnknownKindError(ValueError):
    """A nested part whose kind is not one of the kinds of its slot; `names` are those kinds.

    :param short: the name of a kind may be written without a mapping.
    """

    def __init__(self, names: list[str], value: Any, short: bool) -> None:
        self.names, self.value, self.short = names, value, short
        super().__init__(f"must be a mapping with a kind of {', '.join(names)}, got {value!r}")


class NestedError(ValueError):
    """The mistakes inside a nested part; `spec` is the class that its kind names."""

    def __init__(self, spec: type[Spec], error: ValidationError) -> None:
        self.spec, self.error = spec, error
        super().__init__(str(error))


@dataclass(frozen=True, slots=True)
class ModelUse:
    """A model that a part uses; the fields `model` and `revision` of the part name it.

    :param wanted: the required kind of model.
    :param native: the role in which the native engine would run it.
    :param needs_native: the keys whose values require the native engine, each with advice for a model it cannot run.
    """

    model: str
    revision: str | None
    wanted: Literal["embedder", "generator", "reranker"]
    native: Literal["encoder", "decoder"] | None = None
    needs_native: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Another program that receives texts.

    :param api_key_env: the environment variable that holds its key; None for none.
    :param model: the name of the model there.
    :param retries: how often a request that failed is sent again.
    :param deadline: the seconds for a request, all its attempts together.
    """

    base_url: str
    api_key_env: str | None
    model: str = ""
    retries: int = 3
    deadline: float = 60.0


class Spec(BaseModel):
    """A part of the pipeline file: strict, frozen, unknown keys refused. `kind` is a `Literal` of one name.

    Facts about a kind that other rooms need are declared here and in the classes of `config.slots`; no room tests for
    the class of a spec.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)

    if TYPE_CHECKING:
        kind: str

    uses_generator: ClassVar[bool] = False
    """The part uses the pipeline's generator, to write text or to score it."""
    needs_likelihoods: ClassVar[bool] = False
    """The part needs the log-likelihoods of texts from the generator."""

    def model_use(self) -> ModelUse | None:
        """Return the model that the part uses; None where it names none."""
        return None

    def endpoint(self) -> Endpoint | None:
        """Return the program to which the part sends texts; None where it works in this process."""
        return None

    def notes(self) -> Iterator[str]:
        """Yield facts that `check` tells about valid settings; each follows the key of the part."""
        yield from ()

    def conflicts(self) -> Iterator[Conflict]:
        """Yield conflicts between values that are each valid alone."""
        yield from ()

    @model_validator(mode="after")
    def _without_conflicts(self) -> Self:
        if conflicts := list(self.conflicts()):
            raise ConflictError(conflicts)
        return self

    def nested(self) -> Iterator[tuple[tuple[str | int, ...], Spec]]:
        """Yield the parts inside this one, each with its key below it."""
        for name in slots(type(self)):
            value = getattr(self, name)
            if isinstance(value, Spec):
                yield (name,), value
            elif isinstance(value, list):
                yield from (((name, i), spec) for i, spec in enumerate(value))


@dataclass(frozen=True, slots=True)
class Slot:
    """A mark of a field that holds a part of this slot. The table of kinds lists the kinds of the slot.

    :param short: `NAME` may be written in place of the mapping `{kind: NAME}`.
    :param optional: the field may be null.
    """

    name: str
    short: bool = False
    optional: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema by which pydantic validates and writes the field."""
        written = core_schema.plain_serializer_function_ser_schema(self._written)
        return core_schema.with_info_plain_validator_function(self._read, serialization=written)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        """Return a placeholder for the kinds, which `config.schema` replaces."""
        return {"slot": self.name, "short": self.short, "optional": self.optional}

    def _read(self, value: Any, info: ValidationInfo) -> Spec | None:
        if isinstance(value, Spec) or (value is None and self.optional):
            return value
        kinds = info.context[KINDS] if info.context else None
        if kinds is None:
            raise ValueError("must be a spec here; a mapping is read where a pipeline file is")
        block = {"kind": value} if self.short and isinstance(value, str) else value
        kind = kinds.find(self.name, block.get("kind")) if isinstance(block, Mapping) else None
        if kind is None:
            raise UnknownKindError(kinds.names(self.name), value, self.short)
        spec: type[Spec] = kind.spec
        try:
            return spec.model_validate(block, context=info.context)
        except ValidationError as error:
            raise NestedError(spec, error) from None

    def _written(self, value: Spec | None) -> Any:
        if value is None:
            return None
        block = value.model_dump()
        return block["kind"] if self.short and len(block) == 1 else block


def slots(spec: type[BaseModel]) -> dict[str, Slot]:
    """Return the slot of each field that holds a nested part, or a list of them."""
    return {name: slot for name, field in spec.model_fields.items() if (slot := _metadata(field, Slot))}


@dataclass(frozen=True, slots=True)
class PathRule:
    """A mark of a field whose value is a path. A relative path is relative to the folder of the file that contains it.

    :param when: the value is a path `always`, where it holds a `/` (`slash`), where it begins with `.`, `~` or `/`
        (`local`), or unless it is a name in capitals, which is an environment variable (`file`); else it is a name.
    :param exists: `check` reports a path at which nothing exists.
    :param content: answers depend on the content at the path, not on the path; False for a place that ragqa writes to.
    :param weights: the path is that of a model's weights: a folder, or a large file.
    """

    when: Literal["always", "slash", "local", "file"] = "always"
    exists: bool = False
    content: bool = True
    weights: bool = False


def path_rules(spec: type[BaseModel]) -> dict[str, PathRule]:
    """Return the rule of each field that holds a path, or a list of them."""
    return {name: rule for name, field in spec.model_fields.items() if (rule := _metadata(field, PathRule))}


def _metadata(field: Any, kind: type[Mark]) -> Mark | None:
    """Return the mark of a given class in the annotation of a field, or of the items of its list; None for none."""
    marks = [*field.metadata]
    for argument in getattr(field.annotation, "__args__", ()):
        marks += getattr(argument, "__metadata__", ())
    return next((mark for mark in marks if isinstance(mark, kind)), None)


def kind_of(spec: type[BaseModel]) -> str:
    """Return the name by which a file chooses this class."""
    return str(spec.model_fields["kind"].annotation.__args__[0])  # type: ignore[union-attr]
