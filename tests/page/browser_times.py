"""How fast and how small the page is, by the browser's own timings."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from ragqa.serve.static import FOLDER
from tests.page import world
from tests.page.tab import Tab
from tests.serve.serving import Running

TRIES = 5
CLICKED = """async (button) => {
    const began = performance.now();
    button.click();
    while (!document.querySelector("[data-marked], mark[data-span]")) await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    return performance.now() - began;
}"""


def middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def test_the_page_is_small() -> None:
    """All files that are ours, sent as they are; pdf.js comes with the first PDF that is opened."""
    own = sum(file.stat().st_size for file in FOLDER.iterdir() if file.is_file())
    print(f"\nthe page has {own:,} bytes in {sum(file.is_file() for file in FOLDER.iterdir())} files")
    assert own < 100_000


def test_what_is_sent_for_an_answer_is_small(browser: Browser, server: Running) -> None:
    with Tab.opened(browser, server) as tab:
        tab.ask(world.MASTER)
        sent = tab.page.evaluate("performance.getEntries().reduce((sum, each) => sum + (each.transferSize ?? 0), 0)")
        print(f"\n{sent:,} bytes until the first answer, the answer included")
        assert sent < 110_000
        assert not [address for address in tab.requests if "pdf" in address]


def test_the_first_paint_is_quick(browser: Browser, server: Running) -> None:
    times = []
    for _ in range(TRIES):
        with Tab.opened(browser, server) as tab:
            expect(tab.question).to_be_visible()
            times.append(tab.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    print(f"\nfirst paint after {middle(times):.0f} ms in the middle of {TRIES}, {max(times):.0f} at most")
    assert middle(times) <= 300


def test_a_click_marks_a_text_within_half_a_second(browser: Browser, server: Running) -> None:
    assert _clicks(browser, server, world.MASTER) <= 500


def test_a_click_marks_a_page_of_a_pdf_within_half_a_second(browser: Browser, server: Running) -> None:
    """In a new tab: pdf.js, its worker and the file are loaded too."""
    assert _clicks(browser, server, world.LANTERN) <= 500


def _clicks(browser: Browser, server: Running, question: str) -> float:
    times = []
    for _ in range(TRIES):
        with Tab.opened(browser, server) as tab:
            tab.ask(question)
            times.append(tab.citation.evaluate(CLICKED))
    print(
        f"\n{question}: marked {middle(times):.0f} ms after the click in the middle of {TRIES}, {max(times):.0f} at most"
    )
    return middle(times)
