"""`ragqa doctor`: check an index and mend it, or read a corpus before it is indexed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragqa.cli.common import json_option, set_option, wait_option
from ragqa.cli.indexing import progress_bar
from ragqa.cli.marks import say
from ragqa.cli.opening import holds_documents, open_maintenance
from ragqa.cli.terminal import print_json
from ragqa.errors import IndexCorruptError, UsageError
from ragqa.index.place import is_index
from ragqa.pipeline import Pipeline
from ragqa.sandbox import available

if TYPE_CHECKING:
    from ragqa.pipeline.maintenance import Maintenance
    from ragqa.pipeline.survey import Survey
    from ragqa.stages import Checkup

_FINDINGS_SHOWN = 20


@click.command("doctor")
@click.argument("target", metavar="INDEX|FILE|FOLDER")
@click.option("--repair", is_flag=True, help="Mend what can be derived; embed only damaged segments again.")
@wait_option
@set_option
@json_option
def command(target: str, repair: bool, wait: float, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check every byte of an index, or read a folder of documents before it is indexed.

    INDEX is the folder of an index, FILE a pipeline file, whose index is meant. Exit code 5 says that something is
    damaged; --repair mends what follows from sound text. FOLDER holds documents: what would be rejected, misread or
    indexed twice is listed, each with a hint; nothing is written.

    \b
    Examples:
      ragqa doctor pipelines/quickstart.yaml
      ragqa doctor corpora/tarnwick/documents
    """
    if not is_index(Path(target)) and holds_documents(target):
        if repair:
            raise UsageError(f"--repair is for an index; {target} holds documents")
        _read_corpus(target, overrides, as_json)
    else:
        _check_index(open_maintenance(target, overrides, wait=wait), repair, as_json)


def _check_index(index: Maintenance, repair: bool, as_json: bool) -> None:
    found, mended, embedded = index.check(), 0, 0
    if repair and found.faults:
        mended, embedded = len(found.faults), index.repair(found)
        found = index.check()
    if as_json:
        about = {"repaired": mended, "embedded": embedded, "confinement": asdict(available())}
        print_json(asdict(found) | about)
    else:
        _print_checkup(found, mended, embedded)
    if found.faults:
        first = found.faults[0]
        advice = (
            "run `ragqa doctor TARGET --repair`"
            if found.repairable
            else "restore a copy, or `ragqa index FILE --rebuild`"
        )
        raise IndexCorruptError(f"{found.path}/{first.file} is {first.what}: {advice}")


def _print_checkup(found: Checkup, mended: int, embedded: int) -> None:
    if mended:
        click.echo(f"Repaired: {mended:,} faults, {embedded:,} vectors embedded again.")
    click.echo(
        f"{found.path}: generation {found.generation}, {found.documents:,} documents, {found.chunks:,} chunks, "
        f"{found.vectors:,} vectors in {found.segments:,} segments."
    )
    for fault in found.faults:
        say(f"fault: {fault.file} is {fault.what}")
    for note in found.notes:
        say(f"note: {note}")
    if not found.faults:
        click.echo("Sound: hashes, counts, full text and references agree.")
    click.echo(_confinement())


def _confinement() -> str:
    """Say what keeps the parser of documents from the rest of the machine."""
    found = available()
    if found.landlock and found.seccomp:
        return f"Parser: confined by {found}; it reads the bytes it is given and touches nothing else."
    if found.landlock or found.seccomp:
        return f"Parser: confined by {found} alone; this system does not have both Landlock and seccomp."
    return "Parser: a process with limits, which guards against accidents alone: this system has neither Landlock nor seccomp."


def _read_corpus(folder: str, overrides: Sequence[str], as_json: bool) -> None:
    from ragqa.pipeline.survey import survey

    pipeline = Pipeline.from_folder(folder, overrides)
    embedder = pipeline.embedder
    with progress_bar() as progress:
        found = survey(pipeline.loader, pipeline.splitter, embedder, getattr(embedder, "window", None), progress)
    if as_json:
        print_json(asdict(found) | {"confinement": asdict(available())})
    else:
        _print_survey(found)


def _print_survey(found: Survey) -> None:
    click.echo(
        f"{found.files:,} files: {found.usable:,} usable, {found.rejected:,} rejected, {found.skipped:,} skipped. "
        f"{found.documents:,} documents, {found.characters:,} characters, {found.tokens:,} tokens, {found.chunks:,} chunks."
    )
    if found.encodings:
        click.echo("Encodings: " + ", ".join(f"{name} {n:,}" for name, n in sorted(found.encodings.items())) + ".")
    click.echo(
        f"{found.beyond_window:.1%} of the text lies beyond the embedder's window where documents are embedded whole."
    )
    click.echo(_confinement())
    counts: dict[str, int] = {}
    for finding in found.findings:
        counts[finding.kind] = counts.get(finding.kind, 0) + 1
        if counts[finding.kind] <= _FINDINGS_SHOWN:
            say(f"{finding.kind}: {finding.source}: {finding.what}")
            say(f"    hint: {finding.hint}")
    for kind, n in counts.items():
        if n > _FINDINGS_SHOWN:
            click.echo(f"... and {n - _FINDINGS_SHOWN:,} more of {kind}; --json lists all")
