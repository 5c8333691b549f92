"""The maintenance of an index: checking, repairing, freeing disk space, erasing documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ragqa.arguments import AnyPath, path, texts
from ragqa.config import Kind
from ragqa.config.specs import ClsPoolEmbed, MeanPoolEmbed
from ragqa.errors import ModelError, UsageError
from ragqa.pipeline import Pipeline

if TYPE_CHECKING:
    from ragqa.index import LocalIndex
    from ragqa.index.archive import Moved
    from ragqa.stages import Checkup, Collected, Embedder, Index, IndexMaintenance

_EMBEDS: dict[str, type[MeanPoolEmbed | ClsPoolEmbed]] = {"mean_pool": MeanPoolEmbed, "cls_pool": ClsPoolEmbed}


class Maintenance:
    """The maintenance of one index, with its pipeline where that is known.

    :param target: the folder of an index, or a pipeline file.
    :param overrides: changes to the pipeline file, as `--set` takes them.
    :param kinds: your own kinds that the pipeline file names.
    :param wait: seconds to wait for another writer of the index.
    """

    def __init__(
        self,
        target: AnyPath,
        overrides: Sequence[str] = (),
        kinds: Iterable[Kind[Any]] = (),
        *,
        wait: float = 0.0,
    ) -> None:
        from ragqa.index import LocalIndex

        place = path(target, "target")
        self._pipeline = None if place.is_dir() else Pipeline.from_file(place, overrides, kinds)
        index = self._pipeline.components.index if self._pipeline else LocalIndex(place)
        self._location, self._index = index.location, _maintainable(index)
        self._wait = wait

    def check(self) -> Checkup:
        """Return the faults of the index. This needs no model, and changes nothing.

        :raises NothingUsableError: there is no index.
        """
        return self._index.check()

    def repair(self, found: Checkup) -> int:
        """Repair the faults that `check` found; return how many vectors were embedded again.

        :raises IndexCorruptError: rows that cannot be derived are damaged; nothing was changed.
        :raises ModelError: texts must be embedded again, and the model that built the index is not installed.
        :raises LockedError: another process writes this index.
        """
        return self._index.repair(found, self._embedder, wait=self._wait)

    def collect(self) -> Collected:
        """Remove vectors without a chunk and unused files, and rewrite the database without free pages.

        :raises LockedError: another process writes this index.
        """
        return self._index.collect(wait=self._wait)

    def purge(self, sources: Sequence[str]) -> list[str]:
        """Erase documents, each given by any of its sources; return all their sources.

        Afterwards no file of the index holds their text. The next run indexes a file again that is still in the folder.

        :raises UsageError: a source is not in the index; nothing was erased.
        :raises LockedError: another process writes this index.
        :raises ResourceError: a reader still has the old files open.
        """
        names = texts(sources, "sources", "a list of sources, as search returns them")
        return self._index.purge(names, wait=self._wait)

    def export(self, archive: AnyPath) -> Moved:
        """Write the whole index to one new file, to move it or to back it up.

        :raises NothingUsableError: there is no index.
        :raises RefusedError: the file exists already.
        :raises LockedError: another process writes this index.
        """
        return self._local.export(path(archive, "archive"), wait=self._wait)

    def restore(self, archive: AnyPath) -> Moved:
        """Make the index of a file that `export` has written, where there is none yet.

        :raises UsageError: the file is no archive of an index.
        :raises IndexCorruptError: the file is damaged; nothing is left in the folder of the index.
        :raises RefusedError: there is an index already, or the folder holds other files.
        """
        return self._local.restore(path(archive, "archive"), wait=self._wait)

    @property
    def _local(self) -> LocalIndex:
        from ragqa.index import LocalIndex

        if not isinstance(self._index, LocalIndex):
            raise UsageError(f"{self._location}: an index of this kind has no files that can be moved")
        return self._index

    def _embedder(self, recorded: Mapping[str, str]) -> Embedder:
        """Return the pipeline's embedder; without a pipeline, the one that the index recorded."""
        if self._pipeline:
            return self._pipeline.components.embedder
        from ragqa.embed.encoder import EncoderEmbedder

        kind = recorded.get("kind", "")
        if kind not in _EMBEDS:
            raise ModelError(f"{self._location} was built by an embedder of your own: give its pipeline file instead")
        fields = {"kind": kind, "model": recorded["model"], "revision": recorded["revision"] or None}
        return EncoderEmbedder(_EMBEDS[kind].model_validate(fields))


def _maintainable(index: Index) -> IndexMaintenance:
    """Return an index as one that can be checked.

    :raises UsageError: it does not offer that.
    """
    from ragqa.stages import IndexMaintenance

    if not isinstance(index, IndexMaintenance):
        raise UsageError(
            f"{index.location}: an index of this kind can be opened and written, not checked, repaired or purged"
        )
    return index
