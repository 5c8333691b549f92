"""The optional maintenance of an index: finding damage, repairing it, freeing disk space, erasing documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from ragqa.stages import Embedder


@dataclass(frozen=True, slots=True)
class Fault:
    """A damaged file (or other part) of an index. `remedy` is the index's own name of the repair; "" for none."""

    file: str
    what: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Checkup:
    """The result of `check`. `path` is the index's `location`; `notes` are remarks that are no faults.

    `pending` is the number of texts that have no vector yet.
    """

    path: str
    generation: int
    documents: int
    chunks: int
    vectors: int
    segments: int
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]
    pending: int = 0

    @property
    def repairable(self) -> bool:
        """Tell whether every fault can be repaired."""
        return all(fault.remedy for fault in self.faults)


@dataclass(frozen=True, slots=True)
class Collected:
    """The result of `collect`: the numbers of removed vectors and of removed unused files, and the bytes freed."""

    generation: int
    vectors: int
    files: tuple[str, ...]
    bytes_freed: int


@runtime_checkable
class IndexMaintenance(Protocol):
    """Maintenance that an index may offer, for `ragqa doctor`, `gc` and `purge`. One thread at a time may call it."""

    def check(self) -> Checkup:
        """Check everything that is stored for damage. This needs no model, and changes nothing.

        :raises NothingUsableError: there is no index.
        """
        ...

    def repair(
        self, checkup: Checkup, find_embedder: Callable[[Mapping[str, str]], Embedder], *, wait: float = 0.0
    ) -> int:
        """Repair the faults of a checkup; return how many texts were embedded again.

        :param find_embedder: returns the embedder for the `recorded` facts; called only where texts must be embedded
            again.
        :raises IndexCorruptError: lost data cannot be derived from the rest; nothing was changed.
        """
        ...

    def collect(self, *, wait: float = 0.0) -> Collected:
        """Remove vectors without a chunk and unused files; return the counts."""
        ...

    def purge(self, sources: Sequence[str], *, wait: float = 0.0) -> list[str]:
        """Erase documents, each given by any of its sources, with every byte of their text; return all their sources.

        :raises UsageError: a source is not in the index; nothing was erased.
        """
        ...
