"""What an index may offer besides opening, reading and writing: to find damage, to repair it, to free room, to erase."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from ragqa.stages import Embedder


@dataclass(frozen=True, slots=True)
class Fault:
    """A damaged file (or other part) of an index. `remedy` names the repair, in the index's own words; "" for none."""

    file: str
    what: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Checkup:
    """The result of `check`. `path` is the index's `location`; `notes` are worth knowing and no faults."""

    path: str
    generation: int
    documents: int
    chunks: int
    vectors: int
    segments: int
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]

    @property
    def repairable(self) -> bool:
        """Tell whether every fault can be repaired."""
        return all(fault.remedy for fault in self.faults)


@dataclass(frozen=True, slots=True)
class Collected:
    """What `collect` freed: vectors of no chunk, files that nothing names, and bytes in all."""

    generation: int
    vectors: int
    files: tuple[str, ...]
    bytes_freed: int


@runtime_checkable
class IndexMaintenance(Protocol):
    """What an index may offer besides: `ragqa doctor`, `gc` and `purge` need it. Not for several threads at once."""

    def check(self) -> Checkup:
        """Look for damage in everything that is kept; needs no model, and changes nothing.

        :raises NothingUsableError: there is no index.
        """
        ...

    def repair(
        self, checkup: Checkup, find_embedder: Callable[[Mapping[str, str]], Embedder], *, wait: float = 0.0
    ) -> int:
        """Repair the faults of a checkup; return how many texts were embedded again.

        :param find_embedder: returns the embedder of what was `recorded`; called only where texts must be embedded again.
        :raises IndexCorruptError: something is lost that cannot be derived; nothing was changed.
        """
        ...

    def collect(self, *, wait: float = 0.0) -> Collected:
        """Free the room of vectors that no chunk has, and of files that nothing names."""
        ...

    def purge(self, sources: Sequence[str], *, wait: float = 0.0) -> list[str]:
        """Erase documents by any of their sources, so that no byte of their text is kept; return all their sources.

        :raises UsageError: a source is not in the index; nothing was erased.
        """
        ...
