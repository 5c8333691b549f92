"""`ragqa search`: the best passages for a question."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ragqa.cli.common import pipeline_options, profile_option, question_argument
from ragqa.cli.indexing import embed_rest
from ragqa.cli.marks import marked, name, say
from ragqa.cli.opening import holds_documents, open_indexed
from ragqa.cli.sources import about
from ragqa.cli.terminal import one_line, print_json
from ragqa.records import Hit
from ragqa.retrieve import check_question


@click.command("search")
@pipeline_options
@question_argument
@profile_option
@click.option("-k", type=click.IntRange(1, 1000), help="How many hits; default: retrieve.top_k.")
def command(
    file: str, overrides: tuple[str, ...], as_json: bool, question: str, profile: str | None, k: int | None
) -> None:
    """Print the best passages for a question, each behind a mark.

    \b
    Examples:
      ragqa search corpora/tarnwick/documents "ferry timetable"
      ragqa search pipelines/quickstart.yaml "ferry timetable" -k 3
    """
    check_question(question)
    pipeline = open_indexed(file, overrides, profile)
    hits = pipeline.search(question, k)
    if as_json:
        print_json({"hits": [hit.to_dict() for hit in hits]})
    else:
        print_hits(hits)
    if holds_documents(file):
        embed_rest(pipeline, watched=not as_json)


def print_hits(hits: Sequence[Hit]) -> None:
    """Print passages, each after a line of ragqa with its place."""
    for number, hit in enumerate(hits, start=1):
        scores = "  ".join(f"{kind} {score:.3f}" for kind, score in hit.scores.items())
        page = f", {one_line(hit.place)}" if hit.place else ""
        say(
            f"[{number}] {hit.score:.3f}  {name(hit.source)}{page} [{hit.chunk.start}:{hit.chunk.end}]  {scores}{about(hit)}"
        )
        for source, which in hit.versions.items():
            say(f"    {which} version: {name(source)}")
        marked(one_line(hit.chunk.text), indent="    ")
    if not hits:
        click.echo("No passage found.")
