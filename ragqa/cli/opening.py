"""Opens the argument FILE of commands: a pipeline file, a folder of documents, one document, or an index."""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragqa.cli.indexing import refresh, say_by_words
from ragqa.cli.marks import say
from ragqa.config import Combination
from ragqa.errors import UsageError
from ragqa.index.place import is_index
from ragqa.kinds import load_combinations
from ragqa.load.skipped import BEGINNING_BYTES, is_pipeline
from ragqa.messages import nearest
from ragqa.pipeline import Pipeline
from ragqa.profiles import choose

if TYPE_CHECKING:
    from ragqa.pipeline.assemble.check import CheckReport
    from ragqa.pipeline.ingest.maintenance import Maintenance
    from ragqa.records import Coverage

FILE_IS = "a pipeline file (`ragqa init` writes one), a folder of documents, or one document"
_ANY = (".conf", ".cfg")
"""The suffixes of settings in any syntax, also in that of a pipeline file."""
_SECTION = re.compile(rb"^[{\s]*[\"']?(version|extends|load)[\"']?\s*:", re.MULTILINE)


def open_pipeline(target: str, overrides: Sequence[str] = (), profile: str | None = None) -> Pipeline:
    """Open FILE: a pipeline file, or a folder of documents or one document with the settings of a profile.

    :param profile: the profile of a folder or document, see `ragqa.profiles.choose`; stderr says which one is taken.
    :raises ConfigError: the file has mistakes; all of them are listed.
    :raises UsageError: FILE does not exist, or is the folder of an index; or a profile was given for a pipeline file.
    """
    if holds_documents(target):
        return Pipeline.from_folder(target, overrides, _chosen_profile(profile))
    if profile is not None:
        raise click.UsageError(f"--profile goes with a folder of documents; {target} is a pipeline file")
    return Pipeline.from_file(target, overrides)


def _chosen_profile(wanted: str | None) -> str:
    """Return the profile for documents without a pipeline file; a command says once on stderr which one, and why."""
    choice = choose(wanted)
    context = click.get_current_context(silent=True)
    if context is None or context.meta.setdefault(__name__, choice) is choice:
        say(str(choice), err=True)
    return choice.name


def open_combinations(target: str, overrides: Sequence[str] = ()) -> list[Combination]:
    """Open FILE with each combination of its grids; errors as in `open_pipeline`."""
    return load_combinations(*_pipeline_file(target, overrides))


def check_target(target: str, overrides: Sequence[str] = ()) -> CheckReport:
    """Return the report with every mistake in FILE.

    :raises UsageError: FILE does not exist, or is the folder of an index.
    """
    from ragqa.pipeline.assemble.check import check_file

    return check_file(*_pipeline_file(target, overrides))


def _pipeline_file(target: str, overrides: Sequence[str]) -> tuple[str | Path, Sequence[str]]:
    """Return the pipeline file and the overrides for FILE; errors as in `holds_documents`."""
    from ragqa.pipeline.assemble.folder import default_file

    return default_file(target, overrides, _chosen_profile(None)) if holds_documents(target) else (target, overrides)


def open_indexed(target: str, overrides: Sequence[str] = (), profile: str | None = None, **options: bool) -> Pipeline:
    """Open FILE for a search in its index.

    The index of a folder is in the cache, and is brought up to date first. The index of a pipeline file is not updated;
    a warning says where its documents have changed. A line on stderr says where some texts have no vector yet.

    :param profile: see `open_pipeline`.
    :param options: the arguments of `refresh`.
    """
    pipeline = open_pipeline(target, overrides, profile)
    found = refresh(pipeline, **options) if holds_documents(target) else _warn_of_changes(pipeline)
    if pipeline.config.retrieve.uses_vectors:
        say_by_words(found, target)
    return pipeline


def _warn_of_changes(pipeline: Pipeline) -> Coverage:
    """Warn on stderr where the folder has changed since it was indexed, or is missing. The index is still used.

    :return: how many texts of the index have a vector.
    """
    try:
        plan = pipeline.changes()
    except UsageError as error:
        say(f"warning: {error}: the index answers as it is", err=True)
        with pipeline.open_index() as reader:
            return reader.coverage()
    if not plan.is_empty:
        outdated = sum(planned.outdated for planned in plan.changed)
        what = f"{len(plan.changed) - outdated} files are new or changed, {len(plan.removed)} are gone"
        older = f", {outdated} were indexed by another version" if outdated else ""
        command = f"ragqa index {shlex.quote(os.path.relpath(pipeline.config.file))}"
        say(f"warning: the index is not up to date with its folder ({what}{older}): run `{command}`", err=True)
    return plan.coverage


def holds_documents(target: str) -> bool:
    """Tell whether FILE is a folder of documents, or one document, and no pipeline file.

    :raises UsageError: FILE does not exist, or is the folder of an index.
    """
    path = Path(target)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise UsageError(f"no such folder or file: {target}{_meant(path)}; FILE is {FILE_IS}") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{target}: {getattr(error, 'strerror', error)}; FILE is {FILE_IS}") from None
    if stat.S_ISDIR(mode) and is_index(path):
        raise UsageError(f"{target} is the folder of an index; give what it was made from: FILE is {FILE_IS}")
    if stat.S_ISDIR(mode) or path.suffix.lower() in (".yaml", ".yml"):
        return stat.S_ISDIR(mode)
    from ragqa.load import MEDIA_TYPES

    suffix = path.suffix.lower()
    known = suffix in MEDIA_TYPES and suffix not in _ANY and not (suffix == ".json" and _is_json_pipeline(path))
    return known or (stat.S_ISREG(mode) and not _looks_like_a_pipeline(path))


def _looks_like_a_pipeline(path: Path) -> bool:
    """Tell whether a file without the suffix of a pipeline file has a section that every pipeline file has."""
    try:
        with path.open("rb") as stream:
            return _SECTION.search(stream.read(BEGINNING_BYTES)) is not None
    except OSError:
        return True  # reading it as one reports the error


def _is_json_pipeline(path: Path) -> bool:
    """Tell whether a JSON file is a pipeline file, rather than data."""
    try:
        with path.open("rb") as stream:
            return is_pipeline(stream.read(BEGINNING_BYTES))
    except OSError:
        return False


def open_maintenance(target: str, overrides: Sequence[str] = (), *, wait: float = 0.0) -> Maintenance:
    """Open the index of INDEX|FILE: the folder of an index, or the index of a pipeline file.

    :raises UsageError: the path does not exist, or holds documents.
    """
    from ragqa.pipeline.ingest.maintenance import Maintenance

    if not is_index(Path(target)) and holds_documents(target):
        index = Pipeline.from_folder(target, overrides).components.index.location
        kept = f"its index is {index}" if is_index(Path(index)) else "it has no index yet"
        raise UsageError(f"{target} holds documents; give the folder of an index, or a pipeline file; {kept}")
    return Maintenance(target, overrides, wait=wait)


def _meant(path: Path) -> str:
    """Return a suggestion: a file or folder beside a missing path with a similar name."""
    try:
        near = nearest(path.name, (entry.name for entry in path.absolute().parent.iterdir()))
    except OSError:
        return ""
    return f"; did you mean {path.with_name(near)}?" if near else ""
