"""`ragqa index`: bring an index up to date."""

from __future__ import annotations

import sys
from typing import Any

import click

from ragqa.cli.common import pipeline_options, print_json
from ragqa.pipeline import IndexReport, Pipeline


@click.command("index")
@pipeline_options
@click.option("--rebuild", is_flag=True, help="Forget what is there and index everything again.")
def command(file: str, overrides: tuple[str, ...], as_json: bool, rebuild: bool) -> None:
    """Bring the index up to date with its documents; only what is new is embedded.

    \b
    Example:
      ragqa index pipelines/quickstart.yaml
    """
    report = Pipeline.from_file(file, overrides).index(rebuild=rebuild)
    fields = report_fields(report)
    if as_json:
        print_json(fields)
    else:
        for entry in report.statuses:
            if entry.status in ("rejected", "skipped"):
                click.echo(f"{entry.status}: {entry.source}: {entry.reason}", err=True)
        click.echo("  ".join(f"{name} {value}" for name, value in fields.items() if value is not None))
    if report.count("rejected"):
        sys.exit(3)


def report_fields(report: IndexReport) -> dict[str, Any]:
    """Return the counts of a run; `files` is the sum of the four statuses."""
    rate = report.embedded / report.embed_seconds if report.embedded else None
    return {
        "files": len(report.statuses),
        "indexed": report.count("indexed"),
        "unchanged": report.count("unchanged"),
        "rejected": report.count("rejected"),
        "skipped": report.count("skipped"),
        "removed": report.removed,
        "chunks": report.chunks,
        "embedded": report.embedded,
        "seconds": round(report.seconds, 2),
        "chunks_per_second": round(rate, 1) if rate else None,
        "generation": report.generation,
    }
