"""`ragqa prompt`: the exact prompt for a question."""

from __future__ import annotations

import sys

import click

from ragqa.cli.common import pipeline_options, question_argument
from ragqa.cli.marks import marked, say
from ragqa.cli.opening import open_indexed
from ragqa.cli.terminal import print_json
from ragqa.retrieve import check_question


@click.command("prompt")
@pipeline_options
@question_argument
def command(file: str, overrides: tuple[str, ...], as_json: bool, question: str) -> None:
    """Print the exact prompt that `ask` would send, its tokens by part, and what was left out.

    \b
    Example:
      ragqa prompt pipelines/quickstart.yaml "Who is the master of MV Tern?"
    """
    check_question(question)
    prompt = open_indexed(file, overrides).prompt(question)
    dropped = [{"what": d.what, "reason": d.reason} for d in prompt.dropped]
    if as_json:
        tokens = dict(prompt.tokens)
        print_json({"prompt": prompt.text, "tokens": tokens, "dropped": dropped, "stripped": prompt.stripped})
        return
    if sys.stdout.isatty():  # between lines of ragqa; a file or a pipe gets only the prompt
        marked(prompt.text)
    else:
        click.echo(prompt.text)
    click.echo(
        f"tokens: {prompt.n_tokens} = {' + '.join(f'{n} {part}' for part, n in prompt.tokens.items())}", err=True
    )
    for item in dropped:
        say(f"dropped: {item['what']}: {item['reason']}", err=True)
    click.echo(f"invisible characters removed: {prompt.stripped}", err=True)
