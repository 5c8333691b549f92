"""`ragqa index --watch`: says what each run did, until Ctrl-C."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ragqa import wire
from ragqa.cli import interrupts
from ragqa.cli.faults import error_report
from ragqa.cli.indexing import counted, progress_bar
from ragqa.cli.marks import say
from ragqa.cli.terminal import print_json_line
from ragqa.errors import RagqaError
from ragqa.records import FileStatus

if TYPE_CHECKING:
    from ragqa.pipeline import Pipeline
    from ragqa.pipeline.ingest.refresh import IndexReport

_NAMED = 5
"""The most files of a kind that are named in the line of a run."""
KEPT = "what was committed is kept, and the next `ragqa index` goes on from there"


def keep_up(pipeline: Pipeline, target: str, *, as_json: bool, **options: Any) -> None:
    """Bring the index up to date after each change, and print a line for each run, until Ctrl-C.

    :param target: the pipeline file or folder, for the first line.
    :param options: the arguments of `Pipeline.index`.
    """
    from ragqa.pipeline.ingest.watch import watch

    if not as_json:
        say(f"Watching the documents of {shlex.quote(target)}. Ctrl-C ends this.", err=True)
    rejected: dict[str, str] = {}
    with interrupts.reported(KEPT):
        for outcome in watch(pipeline, index=partial(_index, pipeline), **options):
            if as_json:
                print_json_line(_fields(outcome))
            elif isinstance(outcome, RagqaError):
                say(f"{_now()} {outcome}")
            else:
                before, rejected = rejected, _rejected(outcome)
                say(
                    f"{_now()} {_line(outcome, {name: rejected[name] for name in rejected if rejected[name] != before.get(name)})}"
                )
            if getattr(sys.stdout, "gone", False):  # its reader has ended
                return


def _index(pipeline: Pipeline, **options: Any) -> IndexReport:
    with progress_bar() as progress:
        return pipeline.index(progress=progress, **options)


def _now() -> str:
    return time.strftime("%H:%M:%S")


def _fields(outcome: IndexReport | RagqaError) -> dict[str, Any]:
    """Return the JSON object of a run, with the files that it indexed or rejected alone."""
    if isinstance(outcome, RagqaError):
        return {"error": error_report(outcome, []).to_json()}
    fields = wire.index_report(outcome)
    said = [status for status in fields["statuses"] if status["status"] in ("indexed", "rejected")]
    return fields | {"statuses": said}


def _rejected(report: IndexReport) -> dict[str, str]:
    return {entry.source: entry.reason for entry in report.statuses if entry.status == "rejected"}


def _line(report: IndexReport, rejected: Mapping[str, str]) -> str:
    """Return what a run did.

    :param rejected: the reasons of files that the run before did not reject for the same reason.
    """
    indexed = [_in_part(entry) for entry in report.statuses if entry.status == "indexed"]
    did = [f"indexed {_some(indexed)}"] if indexed else []
    did += [f"removed {report.removed:,}"] if report.removed else []
    did += [f"rejected {_some([f'{name}: {reason}' for name, reason in rejected.items()])}"] if rejected else []
    return (
        f"{'; '.join(did) or 'nothing to do'}. {counted(entry.source for entry in report.statuses)}, {report.chunks:,} chunks, "
        f"{report.embedded:,} embedded, {report.seconds:.1f} s."
    )


def _in_part(entry: FileStatus) -> str:
    return entry.source + (f" (in part: {'; '.join(entry.unread)})" if entry.unread else "")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else "")
