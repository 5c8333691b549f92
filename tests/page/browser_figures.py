"""The pictures of docs/page.md: states of the page over the sample corpus, answered by the default models.

`make page-figures` writes them; in `make test-page` the same states are shown and nothing is written.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from ragqa import Pipeline
from tests.page.tab import Tab
from tests.serve.serving import Running, running

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs" / "figures"
COLOURS = 128
"""Of a picture, so that it is small."""

pytestmark = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")

FERRY = "Who is the master of MV Tern?"
CREW = "How many people must a crew on a turbine platform have at least?"
ICELAND = "When does the ferry to Iceland leave?"
LOAN = "How much does the cooperative lend for a heat pump?"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a server over the sample corpus, with the pipeline of the quickstart."""
    folder = tmp_path_factory.mktemp("sample")
    shutil.copytree(ROOT / "corpora" / "tarnwick" / "documents", folder / "documents")
    (folder / "documents" / "press" / "scan.pdf").write_bytes(b"%PDF-1.7 a file that was cut")
    overrides = [f"load.path={folder / 'documents'}", f"index.path={folder / 'index'}"]
    pipeline = Pipeline.from_file(ROOT / "pipelines" / "quickstart.yaml", overrides)
    pipeline.index()
    kept, feedback = str(folder / "kept.sqlite"), str(folder / "feedback.jsonl")
    with running(folder, pipeline, deadline=120, conversations=kept, feedback=feedback) as server:
        yield server


def empty(tab: Tab) -> None:
    expect(tab.question).to_be_visible()


def answer(tab: Tab) -> None:
    tab.ask(FERRY)


def page(tab: Tab) -> None:
    tab.cite(CREW)
    expect(tab.viewer.locator("[data-marked]")).to_be_visible()


def text(tab: Tab) -> None:
    tab.ask(FERRY)
    tab.page.get_by_role("button", name="Open ferries/mv-tern.md").first.click()
    expect(tab.mark).to_be_visible()


def abstention(tab: Tab) -> None:
    tab.ask(ICELAND)


def why(tab: Tab) -> None:
    tab.ask(FERRY)
    tab.turn.get_by_text("Why this answer").click()
    tab.turn.get_by_text("Why this answer").evaluate("each => each.scrollIntoView({ block: 'start' })")


def search(tab: Tab) -> None:
    tab.go("Search")
    tab.page.get_by_role("searchbox").fill("ferry timetable winter")
    tab.page.get_by_role("searchbox").press("Enter")
    expect(tab.page.get_by_role("list", name="Results").get_by_role("listitem")).not_to_have_count(0)


def table(tab: Tab) -> None:
    tab.go("Search")
    tab.page.get_by_role("searchbox").fill("price list tide clock")
    tab.page.get_by_role("searchbox").press("Enter")
    tab.page.get_by_role("button", name="Open data/price-list-2024.csv").first.click()
    expect(tab.viewer.locator("[data-span]").first).to_be_visible()


def documents(tab: Tab) -> None:
    tab.go("Documents")
    expect(tab.page.get_by_role("tabpanel", name="Documents").locator("tbody tr")).to_have_count(50)


def conversations(tab: Tab) -> None:
    for question in (FERRY, LOAN, ICELAND):
        tab.ask(question)
        tab.button("New conversation").click()
    tab.go("Conversations")
    expect(tab.page.get_by_role("list", name="Conversations").get_by_role("listitem").nth(2)).to_be_visible()


PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2}
DARK: dict[str, Any] = {"color_scheme": "dark"}
STATES: dict[str, tuple[Callable[[Tab], None], dict[str, Any]]] = {
    "empty": (empty, {}),
    "answer": (answer, {}),
    "pdf": (page, {}),
    "text": (text, DARK),
    "table": (table, {}),
    "abstention": (abstention, {}),
    "why": (why, {}),
    "search": (search, {}),
    "documents": (documents, {}),
    "conversations": (conversations, DARK),
    "phone": (answer, PHONE),
    "phone-pdf": (page, PHONE | DARK),
}
"""The pictures: how the page comes into a state, and the browser's options."""


@pytest.mark.parametrize("name", STATES)
def test_the_pictures_of_the_documentation_show_the_page(
    browser: Browser, sample: Running, name: str, tmp_path: Path
) -> None:
    bring, options = STATES[name]
    who = "bob" if name == "conversations" else "alice"  # who has asked nothing yet
    options = {"viewport": {"width": 1180, "height": 720}, **options}
    with Tab.opened(browser, sample, who=who, **options) as tab:
        bring(tab)
        tab.page.wait_for_timeout(200)
        shot = Image.open(io.BytesIO(tab.page.screenshot()))
    folder = FIGURES if os.environ.get("RAGQA_PAGE_FIGURES") else tmp_path
    file = folder / f"page-{name}.png"
    shot.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    assert file.stat().st_size < 120_000
    assert (FIGURES / file.name).exists()
