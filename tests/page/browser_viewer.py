"""The document beside an answer: texts in every script, tables, changed files."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.page import world
from tests.page.tab import Tab
from tests.serve.serving import running


def test_a_mark_after_emoji_covers_the_cited_words(tab: Tab) -> None:
    tab.cite(world.SEALS)
    expect(tab.mark).to_have_text(world.SEALS_WORDS)


def test_a_mark_in_arabic_covers_the_cited_words_and_reads_from_the_right(tab: Tab) -> None:
    tab.cite(world.ARABIC)
    expect(tab.mark).to_have_text(world.ARABIC_WORDS)
    assert tab.mark.evaluate("mark => getComputedStyle(mark).direction") == "rtl"
    assert tab.answer.locator("p").first.evaluate("text => getComputedStyle(text).direction") == "rtl"


def test_a_row_of_a_table_is_marked_in_the_table(tab: Tab) -> None:
    tab.go("Search")
    tab.page.get_by_role("searchbox").fill("Tarn to Wick adult")
    tab.page.get_by_role("searchbox").press("Enter")
    tab.page.get_by_role("list", name="Results").get_by_role("button", name="Open fares.csv").first.click()
    expect(tab.viewer.get_by_role("columnheader")).to_have_text(["Route", "Adult", "Child"])
    marked = tab.viewer.locator("tr[data-span]")
    expect(marked.filter(has_text="Tarn to Wick").get_by_role("cell")).to_have_text(["Tarn to Wick", "14.50", "7.25"])
    tab.viewer.get_by_role("button", name="Text").click()
    expect(tab.mark).to_contain_text("Tarn to Wick,14.50,7.25")
    tab.viewer.get_by_role("button", name="Table").click()
    expect(marked.filter(has_text="Tarn to Wick")).to_be_visible()


def test_html_is_shown_as_its_text(tab: Tab) -> None:
    tab.cite(world.MINUTES)
    expect(tab.mark).to_have_text(world.MINUTES_WORDS)
    expect(tab.viewer).not_to_contain_text("<p>")
    expect(tab.viewer.locator("h1")).to_have_count(0)


def test_escape_closes_the_document_and_gives_the_focus_back(tab: Tab) -> None:
    tab.cite(world.MASTER)
    tab.page.keyboard.press("Escape")
    expect(tab.viewer).to_be_hidden()
    expect(tab.citation).to_be_focused()


def test_the_button_closes_the_document(tab: Tab) -> None:
    tab.cite(world.MASTER)
    tab.button("Close document").click()
    expect(tab.viewer).to_be_hidden()


def test_a_passage_opens_the_document_too(tab: Tab) -> None:
    tab.ask(world.MASTER)
    tab.passages.get_by_role("button", name="Open harbour.md").first.click()
    expect(tab.mark).to_contain_text(world.MASTER_WORDS)


def test_another_citation_replaces_the_document(tab: Tab) -> None:
    tab.cite(world.MASTER)
    tab.cite(world.SEALS)
    expect(tab.viewer.get_by_role("heading")).to_have_text("seals.txt")
    expect(tab.mark).to_have_text(world.SEALS_WORDS)


def test_a_long_text_is_shown_around_the_mark_and_goes_on_at_both_ends(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    lines = [f"Line {number} 🌊 of the ledger names ropes.\n" for number in range(600)]
    lines[300] = "The purser of the ledger is Ivo Brandt.\n"
    (tmp_path / "documents" / "ledger.txt").write_text("".join(lines), encoding="utf-8")
    pipeline = world.built(tmp_path, {"Who is the purser": "The purser of the ledger is Ivo Brandt."})
    with running(tmp_path, pipeline) as server, Tab.opened(browser, server) as tab:
        tab.cite("Who is the purser of the ledger?")
        text = tab.viewer.locator(".text")
        expect(tab.mark).to_be_in_viewport()
        expect(text).not_to_contain_text("Line 20 ")
        tab.button("Earlier text").click()
        expect(text).to_contain_text("Line 100 ")
        tab.button("Later text").click()
        expect(text).to_contain_text("Line 500 ")
        shown = text.inner_text()
        assert shown in "".join(lines)
        expect(tab.mark).to_have_text("The purser of the ledger is Ivo Brandt.")


def test_a_changed_file_is_told_and_the_mark_is_that_of_the_indexed_text(browser: Browser, tmp_path: Path) -> None:
    with world.harbour(tmp_path) as server, Tab.opened(browser, server) as tab:
        (tmp_path / "documents" / "harbour.md").write_text("All is new.", encoding="utf-8")
        tab.cite(world.MASTER)
        expect(tab.passages).to_contain_text("changed since it was indexed")
        expect(tab.viewer.locator("#proof")).to_contain_text("the file is another one now")
        expect(tab.mark).to_have_text(world.MASTER_WORDS)
        (tmp_path / "documents" / "lights.pdf").write_bytes(b"%PDF-1.7 another one")
        tab.cite(world.LANTERN)
        expect(tab.viewer.locator("#mark-note")).to_contain_text("not the one that was indexed")
        expect(tab.mark).to_have_text(world.LANTERN_WORDS)


def test_a_document_that_left_the_index_is_told(browser: Browser, tmp_path: Path) -> None:
    with world.harbour(tmp_path) as server, Tab.opened(browser, server) as tab:
        tab.ask(world.MASTER)
        (tmp_path / "documents" / "harbour.md").unlink()
        server.pipeline.index()
        expect(tab.citation).to_be_visible()
        tab.page.wait_for_timeout(1500)  # a change of the index is seen within a second
        tab.citation.click()
        expect(tab.viewer.locator("#mark-note")).to_contain_text("not in the index any more")
        expect(tab.mark).to_have_count(0)


def test_nothing_is_marked_where_the_index_has_other_words_at_the_place(tab: Tab) -> None:
    tab.ask(world.MASTER)
    other = {"before": "", "marked": "Other words.", "after": ""}

    def changed(route: object) -> None:
        reply = route.fetch()  # type: ignore[attr-defined]
        route.fulfill(response=reply, json={**reply.json(), "segments": other})  # type: ignore[attr-defined]

    tab.page.route("**/api/documents/*", changed)
    tab.citation.click()
    expect(tab.viewer.locator("#mark-note")).to_contain_text("nothing is marked")
    expect(tab.mark).to_have_count(0)
