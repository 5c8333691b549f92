"""What is done to an index besides indexing and asking: check it, mend it, make it small, erase documents from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ragqa.arguments import AnyPath, path, texts
from ragqa.config.specs import ClsPoolEmbed, MeanPoolEmbed
from ragqa.errors import ModelError, UsageError
from ragqa.pipeline import Pipeline

if TYPE_CHECKING:
    from ragqa.stages import Checkup, Collected, Embedder, Index, IndexMaintenance

_EMBEDS: dict[str, type[MeanPoolEmbed | ClsPoolEmbed]] = {"mean_pool": MeanPoolEmbed, "cls_pool": ClsPoolEmbed}


class Maintenance:
    """Work on one index; with its pipeline where that is known.

    :param target: the folder of an index, or a pipeline file.
    :param overrides: of the pipeline file, as `--set` takes them.
    :param wait: seconds to wait for another writer of the index.
    """

    def __init__(self, target: AnyPath, overrides: Sequence[str] = (), *, wait: float = 0.0) -> None:
        from ragqa.index import LocalIndex

        place = path(target, "target")
        self._pipeline = None if place.is_dir() else Pipeline.from_file(place, overrides)
        index = self._pipeline.components.index if self._pipeline else LocalIndex(place)
        self._location, self._index = index.location, _maintainable(index)
        self._wait = wait

    def check(self) -> Checkup:
        """Return what is wrong with the index; needs no model, and changes nothing.

        :raises NothingUsableError: there is no index.
        """
        return self._index.check()

    def repair(self, found: Checkup) -> int:
        """Mend what `check` found; return how many vectors were embedded again.

        :raises IndexCorruptError: what the rest is derived from is damaged itself; nothing was changed.
        :raises ModelError: a segment must be embedded again, and the model that built the index is not here.
        :raises LockedError: another process writes this index.
        """
        return self._index.repair(found, self._embedder, wait=self._wait)

    def collect(self) -> Collected:
        """Drop vectors of no chunk and files that nothing names, and rewrite the database without free pages.

        :raises LockedError: another process writes this index.
        """
        return self._index.collect(wait=self._wait)

    def purge(self, sources: Sequence[str]) -> list[str]:
        """Erase documents, each by any of its sources; return all their sources. No file of the index holds their text.

        A file that still lies in the folder is indexed again by the next run.

        :raises UsageError: a source is not in the index; nothing was erased.
        :raises LockedError: another process writes this index.
        :raises ResourceError: a reader still holds the old bytes.
        """
        names = texts(sources, "sources", "a list of sources, as search returns them")
        return self._index.purge(names, wait=self._wait)

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
