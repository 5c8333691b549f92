"""Plans a run: compares a folder with the index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragqa.errors import RejectedError
from ragqa.load.formats import UNSUPPORTED, types_read
from ragqa.pipeline.ingest.provenance import Refusal, is_current, made_by
from ragqa.pipeline.ingest.reading import read_and_split
from ragqa.records import Chunk, Coverage, FileStatus, Scan, SourceFile
from ragqa.stages import Indexed, Loader, Splitter

if TYPE_CHECKING:
    from ragqa.pipeline.assemble.components import Components


NOTHING = Coverage(0, 0)
"""The vectors of an index that is not there yet."""
_NAMED = 5
"""The most reasons in an error, and the most files that are named with one reason."""


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file to index, and the reason.

    `parse` is False where only the name is new and the content is already indexed. `retry` is True where the same bytes
    were rejected in the last run, `outdated` where another version has read or cut them. `refused` is the reason of a
    file that is not read again, since its reader found no text in the same bytes before.
    """

    file: SourceFile
    reason: str
    parse: bool = True
    retry: bool = False
    outdated: bool = False
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a run: files to index, unchanged files, sources to remove, and files that cannot be used.

    `contents` is the SHA-256 of every indexed source; `gone` uses it. `coverage` says how many indexed texts have a
    vector. `nothing` says why there is no document to read; it is empty where there is one.
    """

    read: tuple[PlannedFile, ...]
    unchanged: tuple[SourceFile, ...]
    removed: tuple[str, ...]
    others: tuple[FileStatus, ...]
    contents: Mapping[str, str]
    coverage: Coverage = NOTHING
    nothing: str = ""

    @property
    def changed(self) -> tuple[PlannedFile, ...]:
        """Return the files that are new or changed since the last run, without those that it rejected."""
        return tuple(planned for planned in self.read if not planned.retry)

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing changed in the folder since the last run."""
        return not self.changed and not self.removed

    @property
    def documents(self) -> int:
        """Return the number of distinct indexed documents."""
        return len(set(self.contents.values()))

    def gone(self, rejected: Iterable[str] = ()) -> int:
        """Return the number of indexed documents without a file: no file has their source, and none has their bytes.

        :param rejected: sources that exist and cannot be used.
        """
        unusable = set(rejected)
        files = [*self.unchanged, *(planned.file for planned in self.read)]
        usable = [file for file in files if file.source not in unusable]
        sources, hashes = {file.source for file in usable}, {file.sha256 for file in usable}
        hashes |= {sha256 for source, sha256 in self.contents.items() if source in sources}
        return len(set(self.contents.values()) - hashes)

    def empties(self, rejected: Iterable[str] = ()) -> bool:
        """Tell whether more than half of the indexed documents have no file. A folder may then not be mounted."""
        return 2 * self.gone(rejected) > self.documents


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan with its cost: the number of chunks of the files to read, and the number of texts to embed.

    The latter include the texts that are indexed already and have no vector yet.
    """

    plan: Plan
    rejected: tuple[FileStatus, ...]
    chunks: int
    to_embed: int

    @property
    def gone(self) -> int:
        """Return the number of indexed documents that no longer have a usable file."""
        return self.plan.gone(self._unusable)

    @property
    def empties(self) -> bool:
        """Tell whether `index` would refuse the plan, as more than half of the indexed documents have no file."""
        return self.plan.empties(self._unusable)

    @property
    def _unusable(self) -> list[str]:
        return [entry.source for entry in self.rejected]


def why_nothing(scan: Scan) -> str:
    """Return why a folder has no documents: its files by reason, and the types that are read where that helps."""
    if scan.files:
        return ""
    reads = f"ragqa reads {types_read(scan.suffixes)}" if scan.suffixes else ""
    if not scan.others:
        return f" (0 files, without hidden and excluded ones){reads and f': {reads}'}"
    groups: dict[str, list[str]] = {}
    for entry in scan.others:
        groups.setdefault(entry.reason, []).append(entry.source)
    reasons = [f"{_listed(sources)}: {reason}" for reason, sources in groups.items()]
    more = [f"and {len(reasons) - _NAMED} more reasons: see `ragqa plan`"] if len(reasons) > _NAMED else []
    types = [reads] if reads and any(reason.startswith(UNSUPPORTED) for reason in groups) else []
    return f" ({len(scan.others)} files, none usable): {'; '.join([*reasons[:_NAMED], *more, *types])}"


def _listed(sources: Sequence[str]) -> str:
    """Return the first names of a list and how many more there are."""
    more = f" and {len(sources) - _NAMED:,} more" if len(sources) > _NAMED else ""
    return ", ".join(sources[:_NAMED]) + more


def make_plan(scan: Scan, indexed: Indexed | None, loader: Loader, splitter: Splitter) -> Plan:
    """Compare the files of a folder with an index; with None, all files are new."""
    known = {} if indexed is None else indexed.sources()  # one that a filter empties is false
    extractors = {} if indexed is None else indexed.extractors()
    rejected = {} if indexed is None else indexed.rejected()
    read: list[PlannedFile] = []
    unchanged: list[SourceFile] = []
    for file in scan.files:
        reader = loader.extractor(file.media_type)
        extractor = made_by(reader, splitter)
        before = extractors.get(file.document_id)
        refusal = Refusal.from_noted(rejected.get(file.source, ("", "")))
        if refusal.document_id == file.document_id:
            read.append(_refused(file, refusal, reader))
        elif before is None:
            read.append(PlannedFile(file, "changed" if file.source in known else "new"))
        elif not is_current(before, extractor):
            read.append(PlannedFile(file, f"read by {before}, is now read by {extractor}", outdated=True))
        elif known.get(file.source) != file.document_id:
            read.append(PlannedFile(file, "another name for known content", parse=False))
        else:
            unchanged.append(file)
    present = {file.source for file in scan.files}
    removed = tuple(sorted(source for source in known if source not in present))
    if indexed is None:
        return Plan(tuple(read), (), (), scan.others, {}, nothing=why_nothing(scan))
    contents, coverage = indexed.contents(), indexed.coverage()
    return Plan(tuple(read), tuple(unchanged), removed, scan.others, contents, coverage, why_nothing(scan))


def _refused(file: SourceFile, refusal: Refusal, reader: str) -> PlannedFile:
    """Plan a file whose bytes the last run could not use."""
    if refusal.extractor not in ("", reader):
        return PlannedFile(file, f"rejected by {refusal.extractor}, is now read by {reader}")
    refused = refusal.reason if refusal.final else ""
    return PlannedFile(
        file, f"rejected by the last run: {refusal.reason}", parse=not refused, retry=True, refused=refused
    )


def plan_run(components: Components, indexed: Indexed | None) -> Plan:
    """Compare the documents of a pipeline with an index; with None, all files are new."""
    return make_plan(components.loader.scan(), indexed, components.loader, components.splitter)


def preview(components: Components, indexed: Indexed | None) -> Preview:
    """Plan a run, read and split its files, and count chunks. Nothing is embedded or written."""
    plan, loader, splitter = plan_run(components, indexed), components.loader, components.splitter
    rejected: list[FileStatus] = []
    chunks: dict[str, Chunk] = {}
    parsed: set[str] = set()
    for planned in plan.read:
        if planned.refused:
            rejected.append(FileStatus(planned.file.source, "rejected", planned.refused))
        if not planned.parse or planned.file.document_id in parsed:
            continue
        try:
            chunks |= {chunk.id: chunk for chunk in read_and_split(loader, splitter, planned.file)[1]}
            parsed.add(planned.file.document_id)
        except RejectedError as error:
            rejected.append(FileStatus(planned.file.source, "rejected", str(error)))
    texts = list(chunks.values())
    to_embed = {chunk.indexed_text for chunk in texts} if indexed is None else indexed.missing(texts)
    return Preview(plan, tuple(rejected), len(chunks), len(to_embed) + plan.coverage.pending)
