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


def told(what: str, times: list[float]) -> float:
    """Print some times; return the least, which is that of the page where other programs took the rest."""
    print(
        f"\n{what}: {min(times):.0f} ms at least, {sorted(times)[len(times) // 2]:.0f} in the middle of {len(times)}, {max(times):.0f} at most"
    )
    return min(times)


def test_the_page_is_small() -> None:
    """Files are sent as they are. Those that show a PDF come with pdf.js, when the first one is opened."""
    sizes = {file.name: file.stat().st_size for file in FOLDER.iterdir() if file.is_file()}
    viewer = sum(size for name, size in sizes.items() if name.startswith("pdf_") and name.endswith(".js"))
    own = sum(sizes.values()) - viewer
    print(f"\nthe page has {own:,} bytes in {len(sizes)} files, and {viewer:,} more beside pdf.js")
    assert own < 100_000
    assert viewer < 20_000


def test_what_is_sent_for_an_answer_is_small(browser: Browser, server: Running) -> None:
    with Tab.opened(browser, server) as tab:
        tab.ask(world.MASTER)
        sent = tab.page.evaluate("performance.getEntries().reduce((sum, each) => sum + (each.transferSize ?? 0), 0)")
        print(f"\n{sent:,} bytes until the first answer, the answer included")
        assert sent < 120_000
        assert not [address for address in tab.requests if "pdf" in address and not address.endswith(".css")]


def test_the_first_paint_is_quick(browser: Browser, server: Running) -> None:
    times = []
    for _ in range(TRIES):
        with Tab.opened(browser, server) as tab:
            expect(tab.question).to_be_visible()
            times.append(tab.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    assert told("first paint", times) <= 300


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
    return told(f"from the click to the mark, {question}", times)
