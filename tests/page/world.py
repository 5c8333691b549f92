"""A server over small real documents, with a generator that is told what to write."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from reportlab.lib.pagesizes import A5
from reportlab.pdfgen.canvas import Canvas

from ragqa import Pipeline
from ragqa.config import GenerateSpec, Kind
from ragqa.records import Generation, Prompt
from tests.fakes import WORDS, EchoGenerator
from tests.serve.serving import Running, SlowGenerator, running

MASTER, MASTER_WORDS = "Who is the harbour master of Gull Holm?", "The harbour master of Gull Holm is Ada Quist."
LANTERN, LANTERN_WORDS = (
    "How far does the lantern shine?",
    "The lantern of Skerry Point shines eleven miles over the sea.",
)
SEALS, SEALS_WORDS = "How many seal pups were counted?", "The wardens counted 312 seal pups 🦭 on the sandbank."
ARABIC, ARABIC_WORDS = "متى تأسس المرفأ؟", "تأسس المرفأ القديم سنة 1931 على يد الصيادين."
FARE, FARE_WORDS = "What is the fare from Tarn to Wick for an adult?", "Tarn to Wick,14.50,7.25"
MINUTES, MINUTES_WORDS = (
    "What did the council decide about the slipway?",
    "The council decided to repair the slipway in May.",
)
ANSWERS = {
    MASTER: MASTER_WORDS,
    LANTERN: LANTERN_WORDS,
    SEALS: SEALS_WORDS,
    ARABIC: ARABIC_WORDS,
    FARE: "14.50",
    MINUTES: MINUTES_WORDS,
}
UNKNOWN = "What do zebras eat in Peru?"
SLOW = "Who is the master of the mill?"

TEXTS = {
    "harbour.md": f"# Harbour\n\nBoats are moored by the quay wall.\n\n{MASTER_WORDS} She has held the post since 2019.\n",
    "seals.txt": "🚢🚢👩‍👩‍👧 Report of the wardens 🌊\n\n" + SEALS_WORDS + " No pup was hurt.\n",
    "arabic.txt": f"كتاب المرفأ 🚢\n\n{ARABIC_WORDS} كان البحر هادئا.\n",
    "fares.csv": "Route,Adult,Child\nTarn to Wick,14.50,7.25\nWick to Holm,9.00,4.50\nHolm to Tarn,11.00,5.50\n",
    "minutes.html": f"<html><body><h1>Minutes</h1><p>{MINUTES_WORDS} It will cost 4,000 crowns.</p></body></html>",
    "mill.txt": "The mill has a master called Millson.\n",
}
LIGHTS = (
    (
        "The lights of the coast",
        "This book names every light between Tarn and Wick.",
        "Each light has a keeper and a log.",
    ),
    (
        "Skerry Point",
        "The tower was built in 1876.",
        LANTERN_WORDS,
        "The keeper trims the wick at dusk.",
        "Note: see the log.",
    ),
    ("Gull Holm", "The beacon is dark in summer.", "Note: see the log.", "Note: see the log."),
)
"""The pages of lights.pdf, line by line."""


class Told(GenerateSpec):
    kind: Literal["told"]
    max_new_tokens: int = 400


class ToldGenerator(SlowGenerator):
    """Writes what `says` holds for a question, else the first line of the first passage; of the mill, nothing until it is stopped."""

    def __init__(self, says: dict[str, str]) -> None:
        super().__init__()
        self._says = says

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        told = next((text for question, text in self._says.items() if question in prompt.text), None)
        yield from super().stream(prompt) if told is None else EchoGenerator(answer=told).stream(prompt)


PIPELINE = """
version: 1
load:     {kind: folder, path: documents}
split:    {kind: recursive, chunk_size: %d, overlap: 8}
embed:    {kind: words}
index:    {kind: faiss, path: index}
retrieve: {kind: hybrid, top_k: 3}
prompt:   {kind: in_context, template: qa, answer: write, min_confidence: %s}
generate: {kind: told}
"""


def pdf(path: Path, pages: Sequence[Sequence[str]]) -> None:
    """Write a PDF, line by line."""
    canvas = Canvas(str(path), pagesize=A5)
    for title, *lines in pages:
        canvas.setFont("Helvetica-Bold", 16)
        canvas.drawString(50, 540, title)
        canvas.setFont("Helvetica", 11)
        for number, line in enumerate(lines):
            canvas.drawString(50, 500 - 22 * number, line)
        canvas.showPage()
    canvas.save()


def built(folder: Path, says: dict[str, str], *, abstains: bool = True, chunk_size: int = 40) -> Pipeline:
    """Index the documents of a folder.

    :param says: what is written for a question.
    :param abstains: whether nothing is answered where the passages give no answer.
    """
    (folder / "pipeline.yaml").write_text(PIPELINE % (chunk_size, 0.2 if abstains else 0), encoding="utf-8")
    told = Kind("generate", Told, lambda spec, needs: ToldGenerator(says))
    pipeline = Pipeline.from_file(folder / "pipeline.yaml", kinds=[WORDS, told])
    pipeline.index()
    return pipeline


@contextlib.contextmanager
def harbour(folder: Path, **settings: Any) -> Iterator[Running]:
    """Run a server over the documents of a harbour, one of which is broken."""
    documents = folder / "documents"
    documents.mkdir()
    for name, text in TEXTS.items():
        (documents / name).write_text(text, encoding="utf-8")
    pdf(documents / "lights.pdf", LIGHTS)
    (documents / "broken.pdf").write_bytes(b"%PDF-1.7 but nothing else")
    pipeline = built(folder, dict(ANSWERS))
    with running(folder, pipeline, waiting_per_token=4, **settings) as server:
        yield server
