"""`ragqa show`: prints a citation with the text around it."""

from __future__ import annotations

import re
from pathlib import Path

import click

from ragqa.cli.common import file_help, json_option
from ragqa.cli.indexing import refresh
from ragqa.cli.marks import marked, name, say
from ragqa.cli.opening import holds_documents, open_pipeline
from ragqa.cli.terminal import one_line, print_json
from ragqa.errors import UsageError
from ragqa.records import Document

_CITATION = re.compile(r"(?P<path>.+):(?P<start>[0-9]{1,15})-(?P<end>[0-9]{1,15})", re.DOTALL)


@click.command("show")
@click.argument("citation", metavar="CITATION")
@click.argument("file", metavar="[FILE|FOLDER]", required=False, help=file_help)
@click.option("--around", default=300, show_default=True, type=click.IntRange(0), help="Characters on either side.")
@json_option
def show_citation(citation: str, file: str | None, around: int, as_json: bool) -> None:
    """Print the span PATH:START-END of a document's extracted text between its surroundings.

    PATH is a file, or one inside an archive, a mailbox or a mail, which is read again; with a pipeline FILE, or a FOLDER of documents, it is a source of its index, and
    the stored text is shown. Each line of the document begins with `|`.

    \b
    Examples:
      ragqa show corpora/tarnwick/documents/reports/members-benefit-guide.pdf:792-904
      ragqa show reports/members-benefit-guide.pdf:792-904 pipelines/quickstart.yaml
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
    page, place = document.page_of(start), document.place_of(start)
    if as_json:
        named = {"source": document.source, "path": document.path, "page": page, "start": start, "end": end}
        print_json({**named, "place": place, "text": text, "before": before, "after": after})
        return
    where = f", {one_line(place)}" if place else ""
    say(f"{name(document.source)}{where}, characters {start:,} to {end:,} of {len(document.text):,}")
    click.echo()
    longest = max(map(len, re.findall("<+|>+", before + text + after)), default=0)
    fence = max(3, longest + 1)  # longer than any run in the text, so that no text can close it
    marked(f"{before}{'>' * fence}{text}{'<' * fence}{after}")


def _read(path: str) -> Document:
    from ragqa.load import FolderLoader
    from ragqa.load.members import split_path

    outer = next((file for file, _ in split_path(path) if Path(file).is_file()), path)
    loader = FolderLoader([Path(outer)])
    if Path(path).is_dir():
        raise UsageError(f"citation: {path} is a folder; give a source of its index as SOURCE:START-END, then {path}")
    scan, source = loader.scan(), Path(outer).resolve().name + path[len(outer) :]
    for file in scan.files:
        if file.source == source:
            return loader.read(file)
    reasons = (entry.reason for entry in scan.others if entry.source in (source, Path(outer).resolve().name))
    raise UsageError(f"citation: {path} cannot be read: {next(reasons, f'there is no such file in {outer}')}")


def _indexed(source: str, file: str) -> Document:
    pipeline = open_pipeline(file)
    if holds_documents(file):
        refresh(pipeline)
    with pipeline.open_index() as reader:
        document_id = reader.sources().get(source)
        if document_id is None:
            raise UsageError(f"citation: {source!r} is not in the index of {file}: give the source as `ask` prints it")
        return reader.document(document_id)
