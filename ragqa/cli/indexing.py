"""Brings an index up to date from the command line: progress, documents that are gone, and files left out."""

from __future__ import annotations

import math
import re
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from ragqa.cli import interrupts
from ragqa.cli.marks import say
from ragqa.cli.terminal import bar, escaped
from ragqa.errors import DocumentsGoneError, LockedError
from ragqa.load.formats import UNSUPPORTED
from ragqa.records import FileStatus

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
LISTED = {"skipped": 3, "rejected": 20, _IN_PART: 3}
"""The most files with the same reason that are listed one a line; more of them become one line."""
_NAMED = 5
_TYPES_NAMED = 10
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
        say(f"by words; {found}: `ragqa index {shlex.quote(target)}` embeds the rest", err=True)


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


def print_left_out(statuses: Sequence[FileStatus], *, verbose: bool) -> None:
    """List on stderr the files that were skipped, rejected or read in part; many with the same reason on one line."""
    for line in left_out(statuses, verbose=verbose):
        say(line, err=True)


def left_out(statuses: Iterable[FileStatus], *, verbose: bool) -> Iterator[str]:
    """Yield the lines that `print_left_out` prints."""
    ctx = click.get_current_context(silent=True)
    how = "--verbose lists them" if ctx and "verbose" in ctx.params else "`ragqa index --verbose` lists them"
    groups: dict[tuple[str, str], list[FileStatus]] = {}
    statuses = list(statuses)
    in_part = [FileStatus(entry.source, _IN_PART, "; ".join(entry.unread)) for entry in statuses if entry.unread]
    for entry in [*statuses, *in_part]:
        if entry.status in LISTED:
            groups.setdefault((entry.status, _kind(entry.reason)), []).append(entry)
    for (status, kind), entries in sorted(groups.items(), reverse=True):
        if verbose or len(entries) <= LISTED[status]:
            yield from (f"{status}: {entry.source}: {entry.reason}" for entry in entries)
        elif kind == UNSUPPORTED:
            advice = sorted({entry.reason.partition("; ")[2] for entry in entries} - {""})
            what = "; ".join([_types(entries), *advice, how])
            yield f"skipped {len(entries):,} files of types that are not read: {what}"
        else:
            names = ", ".join([*(entry.source for entry in entries[:_NAMED]), *(["..."] if entries[_NAMED:] else [])])
            yield f"{status} {len(entries):,} files: {entries[0].reason} ({names}; {how})"


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
