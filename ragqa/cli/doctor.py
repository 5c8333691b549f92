"""`ragqa doctor`: checks and repairs an index, or surveys a corpus before it is indexed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragqa import diagnosis
from ragqa.cli.common import json_option, set_option, wait_option
from ragqa.cli.indexing import progress_bar
from ragqa.cli.marks import say
from ragqa.cli.opening import holds_documents
from ragqa.cli.terminal import print_json
from ragqa.errors import IndexCorruptError, UsageError
from ragqa.index.place import is_index
from ragqa.sandbox import Confinement

if TYPE_CHECKING:
    from ragqa.pipeline.ingest.survey import Survey
    from ragqa.stages import Checkup

_FINDINGS_SHOWN = 20


@click.command("doctor")
@click.argument("target", metavar="INDEX|FILE|FOLDER")
@click.option("--repair", is_flag=True, help="Mend what can be derived; embed only damaged segments again.")
@wait_option
@set_option
@json_option
def check_index_or_folder(target: str, repair: bool, wait: float, overrides: tuple[str, ...], as_json: bool) -> None:
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
        _read_documents(target, overrides, as_json)
    else:
        _check_index(target, overrides, repair=repair, wait=wait, as_json=as_json)


def _check_index(target: str, overrides: Sequence[str], *, repair: bool, wait: float, as_json: bool) -> None:
    state = diagnosis.diagnose_index(target, overrides, repair=repair, wait=wait)
    checkup = state.checkup
    if as_json:
        counts = {"repaired": state.repaired, "embedded": state.embedded}
        print_json(asdict(checkup) | {**counts, "confinement": asdict(state.confinement)})
    else:
        if state.repaired:
            click.echo(f"Repaired: {state.repaired:,} faults, {state.embedded:,} vectors embedded again.")
        _print_checkup(checkup)
        click.echo(_confinement(state.confinement))
    if checkup.faults:
        first = checkup.faults[0]
        advice = (
            "run `ragqa doctor TARGET --repair`"
            if checkup.repairable
            else "restore a copy, or `ragqa index FILE --rebuild`"
        )
        raise IndexCorruptError(f"{checkup.path}/{first.file} is {first.what}: {advice}")


def _print_checkup(checkup: Checkup) -> None:
    click.echo(
        f"{checkup.path}: index version {checkup.generation}, {checkup.documents:,} documents, {checkup.chunks:,} chunks, "
        f"{checkup.vectors:,} vectors in {checkup.segments:,} segments."
    )
    if checkup.pending:
        click.echo(f"{checkup.pending:,} texts have no vector yet: `ragqa index FILE` embeds them.")
    for fault in checkup.faults:
        say(f"fault: {fault.file} is {fault.what}")
    for note in checkup.notes:
        say(f"note: {note}")
    if not checkup.faults:
        click.echo("Sound: hashes, counts, full text and references agree.")


def _confinement(confinement: Confinement) -> str:
    """Return a sentence about the sandbox that confines the parsers of documents."""
    if confinement.landlock and confinement.seccomp:
        return f"Parser: confined by {confinement}; it reads the bytes it is given and touches nothing else."
    if confinement.landlock or confinement.seccomp:
        return f"Parser: confined by {confinement} alone; this system does not have both Landlock and seccomp."
    return "Parser: a process with limits, which guards against accidents alone: this system has neither Landlock nor seccomp."


def _read_documents(folder: str, overrides: Sequence[str], as_json: bool) -> None:
    with progress_bar() as progress:
        state = diagnosis.diagnose_documents(folder, overrides, progress=progress)
    if as_json:
        print_json(asdict(state.survey) | {"confinement": asdict(state.confinement)})
        return
    _print_survey(state.survey)
    click.echo(_confinement(state.confinement))
    _print_findings(state.survey)


def _print_survey(survey: Survey) -> None:
    click.echo(
        f"{survey.files:,} files: {survey.usable:,} usable, {survey.rejected:,} rejected, {survey.skipped:,} skipped. "
        f"{survey.documents:,} documents, {survey.characters:,} characters, {survey.tokens:,} tokens, "
        f"{survey.chunks:,} chunks."
    )
    if survey.encodings:
        click.echo("Encodings: " + ", ".join(f"{name} {n:,}" for name, n in sorted(survey.encodings.items())) + ".")
    click.echo(
        f"{survey.beyond_window:.1%} of the text lies beyond the embedder's window where documents are embedded whole."
    )


def _print_findings(survey: Survey) -> None:
    counts: Counter[str] = Counter()
    for finding in survey.findings:
        counts[finding.kind] += 1
        if counts[finding.kind] <= _FINDINGS_SHOWN:
            say(f"{finding.kind}: {finding.source}: {finding.what}")
            say(f"    hint: {finding.hint}")
    for kind, n in counts.items():
        if n > _FINDINGS_SHOWN:
            click.echo(f"... and {n - _FINDINGS_SHOWN:,} more of {kind}; --json lists all")
