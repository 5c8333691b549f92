"""Citations of real PDF files, each opened at its page: the text below the mark is the citation, or there is no mark.

It needs the PDF files of `RAGQA_DATA`; `make test-page ARGS="-s -k citations"` prints what it counts.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from ragqa.records import Document
from tests.page import world
from tests.page.tab import Tab
from tests.serve.serving import Running, running

DATA = Path(os.environ.get("RAGQA_DATA", "/nowhere"))
RULE = r"^[|\s:]*-{3,}[-|\s:]*$"
"""The line below the head of a table."""
FOLDERS = ("benefits_pdf", "documents")
PER_FOLDER = {"benefits_pdf": 150, "documents": 100}
"""How many citations are opened."""

OPEN = """async ({ document_id, start, end }) => {
    const { get, bytes } = await import("/page/api.js");
    const { showPdf } = await import("/page/pdf_view.js");
    const found = await get(`/api/documents/${document_id}?start=${start}&end=${end}`);
    const file = await bytes(`/api/documents/${document_id}/file`);
    const box = document.querySelector("#papers") ?? document.createElement("div");
    box.id = "papers";
    document.querySelector("main").append(box);
    const { before, marked, after } = found.segments;
    const began = performance.now();
    const shown = await showPdf(box, file, found.page, marked, new AbortController().signal, { before, after });
    const [range] = CSS.highlights.get("quote") ?? [];
    const earlier = document.createRange();
    earlier.setStart(box, 0);
    earlier.setEnd(range?.startContainer ?? box, range?.startOffset ?? 0);
    const words = [...box.querySelectorAll(".pdf-texts")].map((each) => each.textContent).join("");
    const spans = [...(CSS.highlights.get("quote") ?? [])].map(String);
    return { ...shown, spans, ms: performance.now() - began, text: box.dataset.marked ?? null, words, before: earlier.toString() };
}"""


@dataclass
class Opened:
    """A citation that was opened: what the page marked, and why not."""

    source: str
    page: int
    quote: str
    marked: str | None
    note: str
    is_right: bool
    is_picture: bool
    ms: float


@pytest.fixture(scope="module", params=FOLDERS)
def opened(request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> list[Opened]:
    """Return citations of the answers about the PDF files of a folder, opened."""
    files = sorted((DATA / request.param).rglob("*.pdf"))
    if not files:
        pytest.skip(f"RAGQA_DATA has no {request.param}")
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "documents").mkdir()
    for file in files:
        shutil.copyfile(file, folder / "documents" / file.name)
    pipeline = world.built(folder, {}, abstains=False, chunk_size=200)
    with running(folder, pipeline) as server, Tab.opened(browser, server) as tab:
        return [
            _open(tab, citation) for citation in _citations(server, DATA / request.param, PER_FOLDER[request.param])
        ]


def _citations(server: Running, folder: Path, count: int) -> list[dict[str, Any]]:
    """Return citations of answers, of what comes nearest, and of whole passages: one of each in turn."""
    found: dict[tuple[str, int, int], dict[str, Any]] = {}
    for question in _questions(server, folder):
        answer = server.post("/api/ask", {"question": question}).json
        hits = server.post("/api/search", {"question": question, "k": 2}).json["hits"]
        for each in (*answer["citations"][:2], *answer["nearest"][:1], *hits[:1]):
            found.setdefault((each["document_id"], each["start"], each["end"]), each)
        if len(found) >= count:
            break
    return list(found.values())[:count]


def _questions(server: Running, folder: Path) -> Iterator[str]:
    """Yield the questions that come with the files and, in turn, words that follow one another in a file."""
    asked = []
    if (folder / "ground_truth.jsonl").exists():
        lines = (folder / "ground_truth.jsonl").read_text(encoding="utf-8").splitlines()
        asked = [json.loads(line)["question"] for line in lines]
    with server.pipeline.open_index() as reader:
        texts = [reader.document(id_).text for id_ in sorted(set(reader.sources().values()))]
    draw = random.Random(7)
    for number in range(500):
        yield from asked[number : number + 1]
        words = draw.choice(texts).split()
        start = draw.randrange(max(1, len(words) - 8))
        yield " ".join(words[start : start + 8])


def _open(tab: Tab, citation: dict[str, Any]) -> Opened:
    shown = tab.page.evaluate(OPEN, {name: citation[name] for name in ("document_id", "start", "end")})
    with tab.server.pipeline.open_index() as reader:
        document = reader.document(citation["document_id"])
    return Opened(
        citation["source"],
        citation["page"],
        citation["text"],
        shown["text"],
        shown["note"],
        _is_right(document, citation["start"], citation["end"], shown),
        not shown["words"].strip(),
        shown["ms"],
    )


def _is_right(document: Document, start: int, end: int, shown: dict[str, Any]) -> bool:
    """Tell whether the marked text is the quote, and the same one of several on the page.

    The cells of a row may come in another order, and a cell over several columns less often.
    """
    text = document.text[start:end]
    quote, marked = _letters(text), _letters(shown["text"] or "")
    if not _same(quote, marked):
        rows = "|" in text and _words([re.sub(RULE, "", text, flags=re.MULTILINE)]) == _words(shown["spans"])
        return sorted(quote) == sorted(marked) or rows
    first = max(place for place in document.page_starts if place <= start)
    last = min((place for place in document.page_starts if place >= end), default=len(document.text))
    page, drawn = _letters(document.text[first:last]), _letters(shown["words"])
    if page.count(quote) < 2 or page.count(quote) != drawn.count(marked):
        return True
    return _letters(document.text[first:start]).count(quote) == _letters(shown["before"]).count(marked)


def _letters(text: str) -> str:
    """Return what two programs read alike: without white space, hyphens and the lines of tables."""
    text = re.sub(RULE, "", text, flags=re.MULTILINE)
    plain = "".join(
        char
        for char in unicodedata.normalize("NFKD", text)
        if unicodedata.category(char) not in ("Cc", "Cf", "Co", "Zs")
    )
    plain = re.sub(r"[\s|\-\u2010\u2011]", "", plain)
    return re.sub("[\u0627\u0644\u0653-\u0655]{2,}", lambda run: "".join(sorted(run[0])), plain)


def _words(texts: list[str]) -> set[str]:
    return {word for text in texts for word in re.findall(r"\w+", unicodedata.normalize("NFKC", text))}


def _same(quote: str, marked: str) -> bool:
    """Tell whether texts are the same; U+FFFD stands for whatever could not be read."""
    parts = [re.escape(part) for part in re.split("\ufffd+", quote.strip("\ufffd"))]
    return re.fullmatch(".{0,99}?".join(parts), marked.strip("\ufffd")) is not None


def test_citations_of_pdf_files_are_marked_where_they_stand(opened: list[Opened]) -> None:
    marked = [each for each in opened if each.marked is not None]
    wrong = [each for each in marked if not each.is_right]
    absent = [each for each in opened if each.marked is None and not each.is_picture]
    times = sorted(each.ms for each in opened)
    pictures = sum(each.is_picture for each in opened)
    print(
        f"\n{len(opened)} citations in {len({each.source for each in opened})} files: {len(marked)} marked, {len(wrong)} wrongly,"
    )
    print(
        f"{len(absent)} not, {pictures} on pages that are pictures; {times[len(times) // 2]:.0f} ms in the middle, {times[-1]:.0f} at most"
    )
    for each in (*wrong, *absent):
        print(f"{each.source} {each.page}: {each.quote[:200]!r} {each.marked!r}")
    assert len(opened) >= 100
    assert wrong == []
    assert all(each.note for each in absent)
    assert len(marked) >= 0.97 * (len(opened) - pictures)
