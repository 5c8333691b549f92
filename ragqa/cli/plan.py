"""`ragqa plan`: shows the changes that `index` would make."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ragqa.cli.common import pipeline_options
from ragqa.cli.indexing import left_out, verbose_option
from ragqa.cli.marks import say
from ragqa.cli.opening import open_pipeline
from ragqa.cli.terminal import print_json

if TYPE_CHECKING:
    from ragqa.pipeline.ingest.plan import Preview


@click.command("plan")
@pipeline_options
@verbose_option
def plan_index(file: str, overrides: tuple[str, ...], as_json: bool, verbose: bool) -> None:
    """Say what `index` would read, embed and remove, and why. New files are read and split; nothing is written.

    \b
    Example:
      ragqa plan pipelines/quickstart.yaml
    """
    preview = open_pipeline(file, overrides).plan()
    if as_json:
        print_json(_fields(preview))
        return
    rejected = {entry.source: entry.reason for entry in preview.rejected}
    for reading in preview.plan.read:
        reason = rejected.get(reading.file.source)
        what = (
            f"reject  {reading.file.source}: {reason}" if reason else f"read    {reading.file.source}: {reading.reason}"
        )
        say(what)
    for source in preview.plan.removed:
        say(f"remove  {source}: no longer there")
    for line in left_out(preview.plan.others, verbose=verbose):
        say(line)
    useless = f"{len(rejected)} that cannot be used, " if rejected else ""
    click.echo(
        f"{len(preview.plan.read) - len(rejected)} files to read, {useless}{len(preview.plan.unchanged)} unchanged, "
        f"{len(preview.plan.removed)} to remove; {preview.chunks:,} chunks, {preview.to_embed - preview.plan.coverage.pending:,} of them "
        "to embed."
    )
    if preview.plan.nothing and not preview.plan.others:
        say(f"no documents found{preview.plan.nothing}")
    if preview.plan.coverage.pending:
        click.echo(
            f"{preview.plan.coverage.pending:,} texts that are indexed have no vector yet: `ragqa index` embeds them."
        )
    if preview.empties:
        click.echo(
            f"{preview.gone} of {preview.plan.documents} indexed documents are gone: `ragqa index` removes nothing "
            "without --allow-empty. Is the folder mounted?"
        )


def _fields(preview: Preview) -> dict[str, object]:
    plan = preview.plan
    return {
        "read": [{"source": reading.file.source, "reason": reading.reason} for reading in plan.read],
        "unchanged": [file.source for file in plan.unchanged],
        "removed": list(plan.removed),
        "others": [asdict(entry) for entry in (*plan.others, *preview.rejected)],
        "chunks": preview.chunks,
        "to_embed": preview.to_embed,
        "pending": preview.plan.coverage.pending,
        "documents": plan.documents,
        "gone": preview.gone,
        "nothing": preview.plan.nothing.strip(),
    }
