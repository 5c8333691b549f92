"""What a run over a folder would do: the folder compared with the index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ragqa.errors import RejectedError
from ragqa.pipeline.ingest.reading import read_and_split
from ragqa.records import Chunk, FileStatus, Scan, SourceFile
from ragqa.stages import Indexed, Loader, Splitter


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file to take in, and why.

    `parse` is False where only its name is new: its content is known. `retry` is True where the same bytes were
    rejected in the last run.
    """

    file: SourceFile
    reason: str
    parse: bool = True
    retry: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do: files to take in, files left alone, sources to remove, files of no use.

    `contents` is the SHA-256 of every indexed source, by which `gone` counts.
    """

    read: tuple[PlannedFile, ...]
    unchanged: tuple[SourceFile, ...]
    removed: tuple[str, ...]
    others: tuple[FileStatus, ...]
    contents: Mapping[str, str]

    @property
    def changed(self) -> tuple[PlannedFile, ...]:
        """Return the files that are new or changed since the last run; those that it rejected are neither."""
        return tuple(planned for planned in self.read if not planned.retry)

    @property
    def is_empty(self) -> bool:
        """Tell whether the folder is as the last run found it."""
        return not self.changed and not self.removed

    @property
    def documents(self) -> int:
        """Return how many different documents are indexed."""
        return len(set(self.contents.values()))

    def gone(self, rejected: Iterable[str] = ()) -> int:
        """Return how many indexed documents have no file any more: none of their names is there, nor their bytes by another.

        :param rejected: sources that are there and could not be used.
        """
        unusable = set(rejected)
        files = [*self.unchanged, *(planned.file for planned in self.read)]
        usable = [file for file in files if file.source not in unusable]
        sources, hashes = {file.source for file in usable}, {file.sha256 for file in usable}
        hashes |= {sha256 for source, sha256 in self.contents.items() if source in sources}
        return len(set(self.contents.values()) - hashes)

    def empties(self, rejected: Iterable[str] = ()) -> bool:
        """Tell whether more than half of the indexed documents are gone: a sign of a folder that is not mounted."""
        return 2 * self.gone(rejected) > self.documents


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan with its cost: the chunks of the files to read, and how many of them were never embedded before."""

    plan: Plan
    rejected: tuple[FileStatus, ...]
    chunks: int
    to_embed: int

    @property
    def gone(self) -> int:
        """Return how many indexed documents have no usable file any more."""
        return self.plan.gone(self._unusable)

    @property
    def empties(self) -> bool:
        """Tell whether `index` would refuse the plan, because more than half of the indexed documents are gone."""
        return self.plan.empties(self._unusable)

    @property
    def _unusable(self) -> list[str]:
        return [entry.source for entry in self.rejected]


def make_plan(scan: Scan, indexed: Indexed | None, loader: Loader) -> Plan:
    """Compare a folder with an index, or with nothing where there is none yet."""
    known = indexed.sources() if indexed else {}
    extractors = indexed.extractors() if indexed else {}
    rejected = indexed.rejected() if indexed else {}
    read: list[PlannedFile] = []
    unchanged: list[SourceFile] = []
    for file in scan.files:
        extractor = loader.extractor(file.media_type)
        before = extractors.get(file.document_id)
        failed, why = rejected.get(file.source, ("", ""))
        if failed == file.document_id:
            read.append(PlannedFile(file, f"rejected by the last run: {why}", retry=True))
        elif before is None:
            read.append(PlannedFile(file, "changed" if file.source in known else "new"))
        elif before != extractor:
            read.append(PlannedFile(file, f"extractor {before} is now {extractor}"))
        elif known.get(file.source) != file.document_id:
            read.append(PlannedFile(file, "another name for known content", parse=False))
        else:
            unchanged.append(file)
    present = {file.source for file in scan.files}
    removed = tuple(sorted(source for source in known if source not in present))
    contents = indexed.contents() if indexed else {}
    return Plan(tuple(read), tuple(unchanged), removed, scan.others, contents)


def preview(plan: Plan, loader: Loader, splitter: Splitter, indexed: Indexed | None) -> Preview:
    """Read and split what the plan would read, and count; nothing is embedded or written."""
    rejected: list[FileStatus] = []
    chunks: dict[str, Chunk] = {}
    parsed: set[str] = set()
    for planned in plan.read:
        if not planned.parse or planned.file.document_id in parsed:
            continue
        try:
            chunks |= {chunk.id: chunk for chunk in read_and_split(loader, splitter, planned.file)[1]}
            parsed.add(planned.file.document_id)
        except RejectedError as error:
            rejected.append(FileStatus(planned.file.source, "rejected", str(error)))
    texts = list(chunks.values())
    to_embed = indexed.missing(texts) if indexed else {chunk.indexed_text for chunk in texts}
    return Preview(plan, tuple(rejected), len(chunks), len(to_embed))
