"""The faults of an index, or of documents before they are indexed, and the confinement of their parser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragqa.arguments import AnyPath
from ragqa.pipeline import Pipeline
from ragqa.sandbox import Confinement, available

if TYPE_CHECKING:
    from ragqa.pipeline.ingest.survey import Survey
    from ragqa.stages import Checkup


@dataclass(frozen=True, slots=True)
class IndexDiagnosis:
    """The state of an index.

    :param checkup: the result of the check; after a repair, that of a second check.
    :param repaired: the number of repaired faults.
    :param embedded: the number of texts that were embedded again for the repair.
    """

    checkup: Checkup
    repaired: int
    embedded: int
    confinement: Confinement


@dataclass(frozen=True, slots=True)
class CorpusDiagnosis:
    """The state of the documents of a folder, and the confinement of their parser."""

    survey: Survey
    confinement: Confinement


def diagnose_index(
    target: AnyPath, overrides: Sequence[str] = (), *, repair: bool = False, wait: float = 0.0
) -> IndexDiagnosis:
    """Check every byte of an index; if wanted, repair the parts that can be derived from intact data.

    :param target: the folder of an index, or a pipeline file with the index.
    :param overrides: overrides of the pipeline file, in the form of `--set`.
    :param wait: seconds to wait for another writer of the index, for a repair.
    :raises NothingUsableError: there is no index.
    :raises IndexCorruptError: the database cannot be read, or a repair needs damaged data; nothing was changed.
    :raises ModelError: a repair has to embed texts, and the model that built the index is missing.
    :raises LockedError: a repair is wanted, and another process writes the index.
    """
    from ragqa.pipeline.ingest.maintenance import Maintenance

    index = Maintenance(target, overrides, wait=wait)
    checkup, repaired, embedded = index.check(), 0, 0
    if repair and checkup.faults:
        repaired, embedded = len(checkup.faults), index.repair(checkup)
        checkup = index.check()
    return IndexDiagnosis(checkup, repaired, embedded, available())


def diagnose_documents(
    folder: AnyPath,
    overrides: Sequence[str] = (),
    *,
    progress: Callable[[int, int], None] = lambda done, expected: None,
) -> CorpusDiagnosis:
    """Read documents as `ragqa index` would, and report those that would be rejected, misread, cut or indexed twice.

    Nothing is written.

    :param folder: a folder of documents, or one document.
    :param overrides: overrides of the default pipeline, in the form of `--set`.
    :param progress: called with the number of chunks so far, and with the number that is expected.
    :raises UsageError: there is no file or folder of this name.
    :raises ModelError: the tokenizer of the embedder, by which texts are split, is missing.
    """
    from ragqa.pipeline.ingest.survey import survey

    pipeline = Pipeline.from_folder(folder, overrides)
    embedder = pipeline.components.embedder
    window = getattr(embedder, "window", None)
    return CorpusDiagnosis(
        survey(pipeline.components.loader, pipeline.components.splitter, embedder, window, progress), available()
    )
