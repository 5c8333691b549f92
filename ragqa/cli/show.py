"""`ragqa show`: a citation in its surrounding text."""

from __future__ import annotations

import re
from pathlib import Path

import click

from ragqa.cli.common import escaped, json_option, print_json
from ragqa.errors import UsageError
from ragqa.pipeline import Pipeline
from ragqa.records import Document

_CITATION = re.compile(r"(?P<path>.+):(?P<start>\d+)-(?P<end>\d+)", re.DOTALL)


@click.command("show")
@click.argument("citation", metavar="CITATION")
@click.argument("file", metavar="[FILE]", required=False)
@click.option("--around", default=300, show_default=True, type=click.IntRange(0), help="Characters on either side.")
@json_option
def command(citation: str, file: str | None, around: int, as_json: bool) -> None:
    """Print the span PATH:START-END of a document's extracted text between its surroundings.

    PATH is a file, which is read again; with a pipeline FILE it is a source of its index, and the stored text is shown.

    \b
    Examples:
      ragqa show corpora/tarnwick/documents/reports/members-benefit-guide.pdf:756-868
      ragqa show reports/members-benefit-guide.pdf:756-868 pipelines/quickstart.yaml
    """
    match = _CITATION.fullmatch(citation)
    if match is None:
        raise UsageError(f"citation: got {citation!r}; must be PATH:START-END, such as report.pdf:120-180")
    start, end = int(match["start"]), int(match["end"])
    document = _indexed(match["path"], file) if file else _read(match["path"])
    if not start < end <= len(document.text):
        raise UsageError(f"citation: {match['path']} has {len(document.text):,} characters; got {start}-{end}")
    low, high = max(0, start - around), min(len(document.text), end + around)
    before, text, after = document.text[low:start], document.text[start:end], document.text[end:high]
    page = document.page_of(start)
    if as_json:
        named = {"source": document.source, "path": document.path, "page": page, "start": start, "end": end}
        print_json({**named, "text": text, "before": before, "after": after})
        return
    where = f", page {page}" if page else ""
    click.echo(f"{escaped(document.source)}{where}, characters {start:,} to {end:,} of {len(document.text):,}\n")
    marked = click.style(f">>>{_lines(text)}<<<", bold=True)
    click.echo(f"{_lines(before)}{marked}{_lines(after)}")


def _lines(text: str) -> str:
    """Return text for a terminal with its own line breaks; a carriage return that ends no line would overwrite one."""
    return escaped(text.replace("\r\n", "\n"), "\n\t")


def _read(path: str) -> Document:
    from ragqa.load import FolderLoader

    loader = FolderLoader([Path(path)])
    scan = loader.scan()
    if not scan.files:
        raise UsageError(f"citation: {path} cannot be read: {scan.others[0].reason}")
    return loader.read(scan.files[0])


def _indexed(source: str, file: str) -> Document:
    with Pipeline.from_file(file).open_index() as reader:
        document_id = reader.sources().get(source)
        if document_id is None:
            raise UsageError(f"citation: {source!r} is not in the index of {file}: give the source as `ask` prints it")
        return reader.document(document_id)
