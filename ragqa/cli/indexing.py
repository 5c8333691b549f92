"""Brings an index up to date from the command line: progress, documents that are gone, and files left out."""

from __future__ import annotations

import math
import re
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from ragqa.cli import interrupts
from ragqa.cli.marks import say
from ragqa.cli.terminal import bar, escaped
from ragqa.errors import DocumentsGoneError, LockedError
from ragqa.load.formats import UNSUPPORTED
from ragqa.records import FileStatus
from ragqa.records.unread import Unread

if TYPE_CHECKING:
    from tqdm import tqdm

    from ragqa.pipeline import Pipeline
    from ragqa.pipeline.ingest.embedding import Progress
    from ragqa.pipeline.ingest.refresh import IndexReport
    from ragqa.records import Coverage

allow_empty_option = click.option(
    "--allow-empty",
    is_flag=True,
    help="Remove documents that are gone even where they are more than half of those indexed, or all.",
)
verbose_option = click.option("--verbose", is_flag=True, help="Name every file that is left out, one a line.")

_IN_PART = "read in part"
LISTED = {"skipped": 3, "rejected": 5, _IN_PART: 3}
"""The most files with the same reason, or read in part, that are listed one a line; more of them become one line."""
_NAMED = 5
_FACTS = 6
"""The most facts about files that were read in part which have a line of their own."""
_TYPES_NAMED = 10
_ALL = "`ragqa doctor` lists all"
SHARE_SECONDS = 5.0
"""How long a question about a folder, asked by a program, goes on embedding after its answer."""
_NUMBER = re.compile(r"\d[\d,.]*(?: \d[\d,.]*)*")


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Yield a callback that draws the chunks done and the time left on stderr, after two seconds of work.

    The clock starts with the first call, so that the time does not include loading a model.
    """
    bars: list[tqdm[Any]] = []

    def report(done: int, expected: int) -> None:
        if not bars:
            bars.append(bar(total=expected, initial=done, unit=" chunks"))
        bars[0].total = expected
        bars[0].update(done - bars[0].n)

    try:
        yield report
    finally:
        for drawn in bars:
            drawn.close()


def bring_up_to_date(
    pipeline: Pipeline, *, confirm: bool, verbose: bool = False, allow_empty: bool = False, **options: Any
) -> IndexReport:
    """Index new and changed files, and list on stderr the files that are left out.

    :param confirm: on a terminal, ask whether to remove documents where most of them are gone.
    :param options: the arguments of `Pipeline.index`.
    :raises DocumentsGoneError: most documents are gone, and their removal was not confirmed.
    """
    try:
        with progress_bar() as progress:
            report = pipeline.index(progress=progress, allow_empty=allow_empty, **options)
    except DocumentsGoneError as error:
        asked = confirm and sys.stdin.isatty() and sys.stderr.isatty()
        if not asked or not click.confirm(escaped(f"{error.what}. Remove them from the index?"), err=True):
            raise
        return bring_up_to_date(pipeline, confirm=False, verbose=verbose, allow_empty=True, **options)
    print_left_out(report.statuses, verbose=verbose)
    return report


def refresh(pipeline: Pipeline, *, confirm: bool = False, allow_empty: bool = False, verbose: bool = False) -> Coverage:
    """Index new and changed files; return how many texts have a vector then.

    Without changes, rejected files are listed again. Where there is little to embed, that is done, unless another process
    does it; where there is much, only texts are published, and `embed_rest` goes on. See `bring_up_to_date` for the
    parameters.
    """
    from ragqa.pipeline.ingest.embedding import COMMIT_CHUNKS

    if pipeline.has_index() and (plan := pipeline.changes()).is_empty:
        again = [FileStatus(reading.file.source, "rejected", reading.reason) for reading in plan.read]
        print_left_out(again, verbose=verbose)
        if 0 < plan.coverage.pending <= COMMIT_CHUNKS:
            with suppress(LockedError), progress_bar() as progress:
                return pipeline.embed_pending(progress=progress)
        return plan.coverage
    options = {"confirm": confirm, "allow_empty": allow_empty, "verbose": verbose, "embed_later": True}
    return bring_up_to_date(pipeline, **options).coverage


def say_by_words(found: Coverage, target: str) -> None:
    """Say on stderr that passages are found by words where some texts of FILE have no vector yet."""
    if found.pending:
        how = f"`ragqa index {shlex.quote(target)}` embeds the rest"
        say(f"found by words first; {found}, so answers may change: {how}", err=True)


def embed_rest(pipeline: Pipeline, *, watched: bool) -> None:
    """Embed what has no vector yet, after an answer. What was embedded is kept, whatever ends this.

    On a terminal it goes on to the end, and Ctrl-C ends it. Else it ends after `SHARE_SECONDS`.

    :param watched: False where the output is for a program.
    """
    watched = watched and sys.stdout.isatty() and sys.stderr.isatty()
    if not pipeline.changes().coverage.pending:
        return
    try:
        if watched:  # within `try`, since Ctrl-C may come with this line
            say("Embedding the rest. Ctrl-C ends this; what was embedded is kept.", err=True)
        with interrupts.reported(), progress_bar() as progress:
            pipeline.embed_pending(math.inf if watched else SHARE_SECONDS, progress=progress)
    except KeyboardInterrupt:
        say(f"{pipeline.changes().coverage}.", err=True)
    except LockedError:
        say("Another process embeds the rest.", err=True)


def counted(sources: Iterable[str]) -> str:
    """Return the number of files, and of files that are attached to one of them, as to a mail."""
    found = set(sources)
    attached = sum(any(str(outer) in found for outer in PurePosixPath(source).parents) for source in found)
    files = len(found) - attached
    noun, them = ("file", "it") if files == 1 else ("files", "them")
    return f"{files:,} {noun}" + (f" and {attached:,} attached to {them}" if attached else "")


def print_left_out(statuses: Sequence[FileStatus], *, verbose: bool) -> None:
    """List on stderr the files that were skipped, rejected or read in part; many with the same reason on one line."""
    for line in left_out(statuses, verbose=verbose):
        say(line, err=True)


def left_out(statuses: Iterable[FileStatus], *, verbose: bool) -> Iterator[str]:
    """Yield the lines that `print_left_out` prints."""
    groups: dict[tuple[str, str], list[FileStatus]] = {}
    statuses = list(statuses)
    for entry in statuses:
        if entry.status in LISTED:
            groups.setdefault((entry.status, _kind(entry.reason)), []).append(entry)
    for (status, kind), entries in sorted(groups.items(), reverse=True):
        if verbose or len(entries) <= LISTED[status]:
            yield from (f"{status}: {entry.source}: {entry.reason}" for entry in entries)
        elif kind == UNSUPPORTED:
            advice = sorted({entry.reason.partition("; ")[2] for entry in entries} - {""})
            what = "; ".join([_types(entries), *advice, _how()])
            yield f"skipped {len(entries):,} files of types that are not read: {what}"
        else:
            yield _of_kind(status, entries)
    yield from _in_part([entry for entry in statuses if entry.unread], verbose=verbose)


def _in_part(entries: Sequence[FileStatus], *, verbose: bool) -> Iterator[str]:
    """Yield a line for each file that was read in part; where they are many, one for each fact that is told of them."""
    if verbose or len(entries) <= LISTED[_IN_PART]:
        yield from (f"{_IN_PART}: {entry.source}: {'; '.join(entry.unread)}" for entry in entries)
        return
    facts: dict[str, list[tuple[str, str, str]]] = {}
    for entry in entries:
        for each in entry.unread:
            for kind, fact, count in _facts(each):
                facts.setdefault(kind, []).append((entry.source, fact, count))
    ordered = sorted(facts.values(), key=lambda files: -len(files))
    yield from map(_line_of_fact, ordered[:_FACTS])
    if further := ordered[_FACTS:]:
        told = "; ".join(f"{files[0][1]} ({len(files):,})" for files in further)
        yield f"{_IN_PART}, further facts by the number of files: {told}; {_ALL}"


def _facts(unread: Unread) -> Iterator[tuple[str, str, str]]:
    """Yield of each fact the group that it belongs to, its text, and how often it is so in the file."""
    yield from ((thing, thing, f"{count:,}") for thing, count in unread.counts.items())
    if not unread.counts:
        yield unread.kind, unread, ""


def _line_of_fact(files: Sequence[tuple[str, str, str]]) -> str:
    """Return the line about a fact.

    :param files: the source, the fact and the count of each file with it. A fact without a count has numbers in its text.
    """
    source, fact, count = files[0]
    if len(files) == 1:
        return f"{_IN_PART}: {source}: {fact}{count and f' ({count})'}"
    if count:
        return _one_line(_IN_PART, fact, [f"{name}: {number}" for name, _, number in files], _ALL)
    return _with_example(_IN_PART, fact, [name for name, _, _ in files], _ALL)


def _one_line(status: str, reason: str, names: Sequence[str], how: str) -> str:
    """Return the line about all files with a reason, of which the first are named."""
    return f"{status} {len(names):,} files: {reason} ({_listed(names)}; {how})"


def _of_kind(status: str, entries: Sequence[FileStatus]) -> str:
    """Return the line about files whose reasons differ at most in numbers; the numbers are those of the first file."""
    first, names = entries[0], [entry.source for entry in entries]
    if all(entry.reason == first.reason for entry in entries):
        return _one_line(status, first.reason, names, _how())
    return _with_example(status, first.reason, names, _how())


def _with_example(status: str, reason: str, names: Sequence[str], how: str) -> str:
    """Return the line about files whose reasons differ in numbers, with the reason of the first one."""
    return f"{status} {len(names):,} files, such as {names[0]}: {reason} (others: {_listed(names[1:])}; {how})"


def _listed(names: Sequence[str]) -> str:
    return ", ".join([*names[:_NAMED], *(["..."] if names[_NAMED:] else [])])


def _how() -> str:
    """Return how all skipped and rejected files are listed."""
    ctx = click.get_current_context(silent=True)
    return "--verbose lists them" if ctx and "verbose" in ctx.params else "`ragqa index --verbose` lists them"


def _kind(reason: str) -> str:
    """Return the group of a reason: the reason without its numbers."""
    return UNSUPPORTED if reason.startswith(UNSUPPORTED) else _NUMBER.sub("N", reason)


def _types(entries: Sequence[FileStatus]) -> str:
    """Return suffixes with their counts, the most frequent first; for a file without a suffix, its name."""
    paths = [PurePath(entry.source) for entry in entries]
    counts = Counter(path.suffix.lower() or path.name for path in paths)
    shown = [f"{name} {n:,}" for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    rest = len(shown) - _TYPES_NAMED
    return ", ".join([*shown[:_TYPES_NAMED], *([f"{rest:,} other types"] if rest > 0 else [])])
