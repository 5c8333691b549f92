"""`ragqa index`: bring an index up to date."""

from __future__ import annotations

import sys
from typing import Any

import click

from ragqa import wire
from ragqa.cli import interrupts
from ragqa.cli.common import pipeline_options, profile_option, wait_option
from ragqa.cli.indexing import allow_empty_option, bring_up_to_date, counted, verbose_option
from ragqa.cli.opening import open_pipeline
from ragqa.cli.terminal import print_json
from ragqa.cli.watching import keep_up

_LEAST_SECONDS = 0.05


@click.command("index")
@pipeline_options
@profile_option
@click.option("--rebuild", is_flag=True, help="Index everything again; until that is done, the old index answers.")
@click.option("--strict", is_flag=True, help="Commit nothing when a file is rejected.")
@click.option("--atomic", is_flag=True, help="Commit the whole run at once, or nothing of it.")
@allow_empty_option
@verbose_option
@wait_option
@click.option("--watch", is_flag=True, help="Go on: index again after each change in the folder, until Ctrl-C.")
def command(
    file: str, overrides: tuple[str, ...], as_json: bool, profile: str | None, watch: bool, **options: Any
) -> None:
    """Bring the index up to date with its documents; only what is new is embedded.

    A long run publishes texts first: if it is interrupted, questions are answered by words, and the next run goes on.
    Exit code 3 says that some files were rejected; they are named on stderr. Where more than half of the indexed documents
    are gone, perhaps because a folder is not mounted, nothing is removed (exit code 4); on a terminal you are asked.

    With --watch it goes on, and says in a line what each run did (with --json, in a JSON object a line): a run begins when
    no file has changed for 1.6 seconds. Files whose reading failed are tried again when they change.

    \b
    Examples:
      ragqa index pipelines/quickstart.yaml
      ragqa index pipelines/quickstart.yaml --set split.chunk_size=150 --rebuild
      ragqa index pipelines/quickstart.yaml --watch
    """
    if watch and options["wait"]:
        raise click.UsageError("--watch waits for another writer as long as it takes; leave --wait out.")
    pipeline = open_pipeline(file, overrides, profile)
    if watch:
        del options["wait"], options["verbose"]
        keep_up(pipeline, file, as_json=as_json, **options)
        return
    from ragqa.pipeline.ingest.embedding import COMMIT_CHUNKS

    kept = f"what was committed is kept (at least every {COMMIT_CHUNKS} vectors), and the next run goes on from there"
    with interrupts.reported(kept):
        report = bring_up_to_date(pipeline, confirm=not as_json, **options)
    fields = wire.index_report(report)
    if as_json:
        print_json(fields)
    else:
        click.echo(report_line(fields))
    if report.count("rejected"):
        sys.exit(3)


def report_line(fields: dict[str, Any]) -> str:
    """Return the counts as a sentence, without zeros; the number of embedded chunks is always included."""
    files = ", ".join(
        f"{fields[name]} {name}" for name in ("indexed", "unchanged", "rejected", "skipped", "removed") if fields[name]
    )
    rate = f" ({fields['chunks_per_second']:,} a second)" if fields["embedded"] else ""
    search = f" Search: {fields['search']}, recall@10 {fields['recall']:.3f}." if fields["recall"] is not None else ""
    total = counted(entry["source"] for entry in fields["statuses"])
    return (
        f"{total}: {files}. {fields['chunks']:,} chunks, {fields['embedded']:,} embedded{rate}. "
        f"{fields['seconds']} s{_shares(fields)}.{search}"
    )


def _shares(fields: dict[str, Any]) -> str:
    """Return the parts of the time that were spent on reading, splitting and embedding; those of no time are left out."""
    parts = [
        f"{name} {fields[key]:.1f} s"
        for name, key in (("reading", "read_seconds"), ("splitting", "split_seconds"), ("embedding", "embed_seconds"))
        if fields[key] >= _LEAST_SECONDS
    ]
    return f" ({', '.join(parts)}; reading goes on beside the rest)" if parts else ""
