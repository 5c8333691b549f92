"""What commands share: options, and records as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from ragqa.records import Answer, Hit

file_argument = click.argument("file", metavar="FILE")
set_option = click.option("--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE", help="Override a key.")
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout and nothing else.")


def pipeline_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add FILE, --set and --json."""
    return file_argument(set_option(json_option(function)))


def print_json(data: dict[str, Any]) -> None:
    """Print one JSON object."""
    click.echo(json.dumps(data, ensure_ascii=False))


def hit_json(hit: Hit) -> dict[str, Any]:
    """Return a hit's fields."""
    chunk = hit.chunk
    return {
        "source": hit.source,
        "path": hit.path,
        "page": chunk.page,
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
        "score": hit.score,
        "scores": dict(hit.scores),
    }


def answer_json(answer: Answer) -> dict[str, Any]:
    """Return an answer's fields."""
    return {
        "question": answer.question,
        "text": answer.text,
        "citations": [
            {"source": c.source, "path": c.path, "page": c.page, "start": c.start, "end": c.end, "text": c.text}
            for c in answer.citations
        ],
        "abstained": answer.abstained,
        "reason": answer.reason,
        "finish": answer.finish,
        "hits": [hit_json(hit) for hit in answer.hits],
        "prompt": answer.prompt.text if answer.prompt else None,
        "ledger": dict(answer.ledger),
        "generation": answer.generation,
    }
