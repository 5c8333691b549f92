"""The table of kinds: for each slot the kinds that a pipeline file may name, and the function that builds each.

The table is passed explicitly to the functions that read a file or build a part. There is no global registry, and no
file decides which code runs: it can name only kinds that the program has put into the table.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ragqa import arguments
from ragqa.config.base import PathRule, Spec, kind_of, path_rules
from ragqa.config.slots import SECTIONS, SLOTS
from ragqa.errors import UsageError, UsageTypeError

if TYPE_CHECKING:
    from ragqa.stages import Needs

AnySpec = TypeVar("AnySpec", bound=Spec)


@dataclass(frozen=True, slots=True)
class Kind(Generic[AnySpec]):
    """One kind of part: its slot, the class of its settings, and the function that builds the part from settings.

    :param slot: one of `SLOTS`: a section of the file, `format`, `rerank`, `rewrite`, `constraint`, `objective`.
    :param spec: inherits from the class of the slot in `config.slots`, and has a field `kind: Literal["name"]`.
    :param build: called with the settings and with `Needs`, by which it gets what the part asks of others. It is called
        when the part is first needed, and returns an object that meets the Protocol of the slot in `ragqa.stages`.
    :raises UsageError: there is no such slot.
    :raises UsageTypeError: the class is none of the slot, or `build` is no function.
    """

    slot: str
    spec: type[AnySpec]
    build: Callable[[AnySpec, Needs], Any]

    def __post_init__(self) -> None:
        if self.slot not in SLOTS:
            raise UsageError(f"Kind: slot is {self.slot!r}; must be one of {', '.join(SLOTS)}")
        base = SLOTS[self.slot]
        wanted = f"a class that inherits from ragqa.config.{base.__name__}"
        if not isinstance(self.spec, type) or not issubclass(self.spec, base):
            named = getattr(self.spec, "__name__", arguments.kind(self.spec))
            raise UsageTypeError(f"Kind({self.slot!r}, ...): spec: got {named}; pass {wanted}")
        field = self.spec.model_fields.get("kind")
        names: tuple[object, ...] = getattr(field.annotation if field else None, "__args__", ())
        if len(names) != 1 or not isinstance(names[0], str):
            raise UsageTypeError(f'{self.spec.__name__} must have a field `kind: Literal["name"]`')
        if not callable(self.build):
            raise arguments.wrong_type(f"Kind({self.slot!r}, ...): build", self.build, "a function of (spec, needs)")

    @property
    def name(self) -> str:
        """Return the name of this kind in a file."""
        return kind_of(self.spec)

    def default(self) -> AnySpec | None:
        """Return the settings with all defaults; None where a key is required."""
        fields = {name: field for name, field in self.spec.model_fields.items() if name != "kind"}
        if any(field.is_required() for field in fields.values()):
            return None
        return self.spec.model_validate({"kind": self.name})

    def fault(self) -> str:
        """Return the reason why `build` cannot be called with two arguments; empty where no reason is known."""
        if inspect.isabstract(self.build):
            return f"{_named(self.build)} is abstract: nothing can be made of it"
        try:
            inspect.signature(self.build).bind(None, None)
        except TypeError as error:
            return f"{_named(self.build)} cannot be called with (spec, needs): {error}"
        except ValueError:  # the signature of a function in an extension module may be unknown
            pass
        return ""


def _named(build: Callable[..., Any]) -> str:
    return str(getattr(build, "__qualname__", build))


def checked_kinds(kinds: Iterable[Kind[Any]]) -> list[Kind[Any]]:
    """Return kinds as a list.

    :raises UsageTypeError: an element is not a `Kind`.
    """
    listed = arguments.items(kinds, "kinds", "a list of Kind(slot, spec, build)")
    for i, kind in enumerate(listed):
        if not isinstance(kind, Kind):
            raise arguments.wrong_type(f"kinds[{i}]", kind, "a Kind(slot, spec, build)")
    return listed


class Kinds:
    """A table of kinds.

    :raises UsageError: a slot has two kinds of one name.
    """

    def __init__(self, kinds: Iterable[Kind[Any]]) -> None:
        self._kinds: dict[tuple[str, str], Kind[Any]] = {}
        for kind in checked_kinds(kinds):
            if (kind.slot, kind.name) in self._kinds:
                raise UsageError(f"{kind.slot}: there are two kinds with the name {kind.name!r}: rename one")
            self._kinds[kind.slot, kind.name] = kind

    def and_own(self, kinds: Iterable[Kind[Any]]) -> Kinds:
        """Return a new table with these kinds added."""
        own = checked_kinds(kinds)
        return Kinds([*self, *own]) if own else self

    def __iter__(self) -> Iterator[Kind[Any]]:
        return iter(self._kinds.values())

    def of_slot(self, slot: str) -> list[Kind[Any]]:
        """Return the kinds of a slot, in the order in which they were given."""
        return [kind for kind in self if kind.slot == slot]

    def names(self, slot: str) -> list[str]:
        """Return the names of the kinds of a slot."""
        return [kind.name for kind in self.of_slot(slot)]

    def specs(self, slot: str) -> list[type[Spec]]:
        """Return the classes of the kinds of a slot."""
        return [kind.spec for kind in self.of_slot(slot)]

    def find(self, slot: str, name: object) -> Kind[Any] | None:
        """Return a kind by its name; None where there is none."""
        return self._kinds.get((slot, name)) if isinstance(name, str) else None

    def of(self, spec: Spec) -> Kind[Any]:
        """Return the kind of a spec.

        :raises UsageError: the table does not have its class.
        """
        for kind in self:
            if kind.spec is type(spec):
                return kind
        raise UsageError(
            f"{type(spec).__name__} is no kind of this table: pass Kind(slot, {type(spec).__name__}, build)"
        )

    def free_keys(self) -> set[tuple[str, str]]:
        """Return the keys of sections whose value is a mapping with keys that the user chooses."""
        return {
            (section, name)
            for section in SECTIONS
            for spec in self.specs(section)
            for name, field in spec.model_fields.items()
            if getattr(field.annotation, "__origin__", None) is dict
        }

    def path_rules(self, slot: str, name: object) -> dict[str, PathRule]:
        """Return the rules of the path fields of a kind; of all kinds of the slot where the name is unknown."""
        kind = self.find(slot, name)
        specs = [kind.spec] if kind else self.specs(slot)
        return {field: rule for spec in specs for field, rule in path_rules(spec).items()}
