"""What is done to an index besides indexing and asking: check it, mend it, make it small, erase documents from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ragqa.arguments import AnyPath, path, texts
from ragqa.config.specs import ClsPoolEmbed, MeanPoolEmbed
from ragqa.errors import ModelError
from ragqa.pipeline import Pipeline

if TYPE_CHECKING:
    from ragqa.index.doctor import Checkup
    from ragqa.stages import Embedder

_EMBEDS: dict[str, type[MeanPoolEmbed | ClsPoolEmbed]] = {"mean_pool": MeanPoolEmbed, "cls_pool": ClsPoolEmbed}


@dataclass(frozen=True, slots=True)
class Collected:
    """What `gc` freed: vectors of no chunk, files that nothing named, and bytes in all."""

    generation: int
    vectors: int
    files: tuple[str, ...]
    bytes_freed: int


class Maintenance:
    """Work on one index; with its pipeline where that is known.

    :param target: the folder of an index, or a pipeline file.
    :param overrides: of the pipeline file, as `--set` takes them.
    :param wait: seconds to wait for another writer of the index.
    """

    def __init__(self, target: AnyPath, overrides: Sequence[str] = (), *, wait: float = 0.0) -> None:
        place = path(target, "target")
        self._pipeline = None if place.is_dir() else Pipeline.from_file(place, overrides)
        self.path = Path(self._pipeline.config.index.location()) if self._pipeline else place
        self._wait = wait

    def check(self) -> Checkup:
        """Return what is wrong with the index; needs no model, and changes nothing.

        :raises NothingUsableError: there is no index.
        """
        from ragqa.index import doctor

        return doctor.check(self.path)

    def repair(self, found: Checkup) -> int:
        """Mend what `check` found; return how many vectors were embedded again.

        :raises IndexCorruptError: what the rest is derived from is damaged itself; nothing was changed.
        :raises ModelError: a segment must be embedded again, and the model that built the index is not here.
        :raises LockedError: another process writes this index.
        """
        from ragqa.index import doctor

        return doctor.repair(self.path, found, self._embedder, wait=self._wait)

    def collect(self) -> Collected:
        """Drop vectors of no chunk and files that nothing names, and rewrite the database without free pages.

        :raises LockedError: another process writes this index.
        """
        from ragqa.index import IndexWriter, place, upkeep

        with IndexWriter(self.path, None, wait=self._wait) as writer:
            before = place.size(self.path)
            files = tuple(str(file.relative_to(self.path)) for file in writer.remove_orphans())
            vectors = upkeep.reclaim(writer)
            generation = writer.generation
        return Collected(generation, vectors, files, before - place.size(self.path))

    def purge(self, sources: Sequence[str]) -> list[str]:
        """Erase documents, each by any of its sources; return all their sources. No file of the index holds their text.

        A file that still lies in the folder is indexed again by the next run.

        :raises UsageError: a source is not in the index; nothing was erased.
        :raises LockedError: another process writes this index.
        :raises ResourceError: a reader still holds the old bytes.
        """
        from ragqa.index import IndexWriter

        names = texts(sources, "sources", "a list of sources, as search returns them")
        with IndexWriter(self.path, None, wait=self._wait) as writer:
            return writer.purge(names)

    def _embedder(self, recorded: Mapping[str, str]) -> Embedder:
        """Return the pipeline's embedder; without a pipeline, the one that the index recorded."""
        if self._pipeline:
            return self._pipeline.components.embedder
        from ragqa.embed.encoder import EncoderEmbedder

        kind = recorded.get("kind", "")
        if kind not in _EMBEDS:
            raise ModelError(f"{self.path} was built by an embedder of your own: give its pipeline file instead")
        fields = {"kind": kind, "model": recorded["model"], "revision": recorded["revision"] or None}
        return EncoderEmbedder(_EMBEDS[kind].model_validate(fields))
