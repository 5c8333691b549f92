"""The page for everybody: keyboard, screen reader, small screens, both themes, paper."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.page import world
from tests.page.tab import Tab
from tests.page.vendor import AXE
from tests.serve.serving import Running

STATES = (
    "gate",
    "empty",
    "answer",
    "why",
    "abstention",
    "text",
    "table",
    "PDF",
    "search",
    "documents",
    "conversations",
    "error",
)


def bring(tab: Tab, state: str) -> None:
    """Bring the page into a state."""
    expect(tab.question).to_be_visible()
    match state:
        case "gate":
            tab.page.evaluate("sessionStorage.clear()")
            tab.page.reload()
            expect(tab.page.get_by_label("Token")).to_be_visible()
        case "answer":
            tab.ask(world.MASTER)
        case "why":
            tab.ask(world.MASTER)
            tab.turn.get_by_text("Why this answer").click()
        case "abstention":
            tab.ask(world.UNKNOWN)
        case "text":
            tab.cite(world.SEALS)
        case "PDF":
            tab.cite(world.LANTERN)
            expect(tab.viewer.locator("[data-marked]")).to_be_visible()
        case "table":
            bring(tab, "search")
            tab.page.get_by_role("button", name="Open fares.csv").first.click()
            expect(tab.viewer.get_by_role("columnheader").first).to_be_visible()
        case "search":
            tab.go("Search")
            tab.page.get_by_role("searchbox").fill("Tarn to Wick adult")
            tab.page.get_by_role("searchbox").press("Enter")
            expect(tab.page.get_by_role("list", name="Results").get_by_role("listitem")).not_to_have_count(0)
        case "documents":
            tab.go("Documents")
            expect(tab.page.get_by_text("broken.pdf")).to_be_visible()
        case "conversations":
            tab.ask(world.MASTER)
            tab.go("Conversations")
            expect(tab.page.get_by_role("list", name="Conversations").get_by_role("listitem")).not_to_have_count(0)
        case "error":
            tab.page.route("**/api/ask", lambda route: route.abort("connectionrefused"))
            tab.question.fill(world.MASTER)
            tab.button("Ask").click()
            expect(tab.turn.get_by_role("alert")).to_be_visible()


@pytest.fixture(params=["light", "dark"])
def themed(request: pytest.FixtureRequest, browser: Browser, keeping: Running) -> Iterator[Tab]:
    """Return a tab in one of the themes."""
    with Tab.opened(browser, keeping, color_scheme=request.param) as tab:
        yield tab


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not here: `make vendor`")
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_serious(themed: Tab, state: str) -> None:
    bring(themed, state)
    assert serious(themed) == []


def serious(tab: Tab) -> list[str]:
    """Return the findings of axe-core that are serious or critical."""
    tab.page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = tab.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("state", STATES)
def test_a_phone_shows_everything_without_a_scroll_to_the_side(browser: Browser, keeping: Running, state: str) -> None:
    with Tab.opened(browser, keeping, viewport={"width": 360, "height": 740}, device_scale_factor=2) as tab:
        bring(tab, state)
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= 360
        small = tab.page.locator("button:visible").evaluate_all(
            "all => all.filter((each) => { const box = each.getBoundingClientRect(); return box.height && box.height < 24 && !each.closest('p, li, td'); })"
            ".map((each) => each.textContent || each.ariaLabel)"
        )
        assert small == []


@pytest.mark.parametrize("state", STATES)
def test_at_twice_the_size_nothing_is_cut(browser: Browser, keeping: Running, state: str) -> None:
    with Tab.opened(browser, keeping, viewport={"width": 640, "height": 400}, device_scale_factor=2) as tab:
        bring(tab, state)
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= 640


def test_the_keyboard_alone_asks_opens_and_closes(tab: Tab) -> None:
    expect(tab.question).to_be_visible()
    _tab_to(tab, "Question")
    tab.page.keyboard.type(world.MASTER)
    tab.page.keyboard.press("Enter")
    expect(tab.turn.get_by_role("group", name="Why this answer")).to_be_attached()
    _tab_to(tab, "1: harbour.md", backwards=True)
    tab.page.keyboard.press("Enter")
    expect(tab.mark).to_have_text(world.MASTER_WORDS)
    _tab_to(tab, "Close document")
    tab.page.keyboard.press("Enter")
    expect(tab.citation).to_be_focused()


def _tab_to(tab: Tab, name: str, *, backwards: bool = False) -> None:
    for _ in range(30):
        tab.page.keyboard.press("Shift+Tab" if backwards else "Tab")
        focused = tab.page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent")
        if focused == name:
            return
    pytest.fail(f"{name} cannot be reached")


def test_arrow_keys_move_between_the_tabs(tab: Tab) -> None:
    expect(tab.question).to_be_visible()
    tab.page.get_by_role("tab", name="Ask").focus()
    for name in ("Search", "Documents", "Conversations", "Ask"):
        tab.page.get_by_role("tab", selected=True).focus()
        tab.page.keyboard.press("ArrowRight")
        expect(tab.page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
    tab.page.get_by_role("tab", selected=True).focus()
    tab.page.keyboard.press("End")
    expect(tab.page.get_by_role("tab", name="Conversations")).to_be_focused()


def test_what_has_the_focus_is_seen(tab: Tab) -> None:
    tab.ask(world.MASTER)
    unseen = tab.page.locator("button:visible, textarea:visible, summary:visible").evaluate_all(
        """all => all.filter((each) => {
            each.focus();
            const style = getComputedStyle(each);
            return !(style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) && style.boxShadow === "none" && style.borderColor === "";
        }).map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert unseen == []


def test_a_screen_reader_is_told_of_the_answer_as_it_comes(tab: Tab) -> None:
    tab.ask(world.MASTER)
    expect(tab.answer).to_have_attribute("aria-live", "polite")
    expect(tab.turn.get_by_role("status").first).to_be_attached()
    expect(tab.page.get_by_role("main")).to_have_count(1)
    expect(tab.page.locator("html")).to_have_attribute("lang", "en")


def test_headings_go_down_step_by_step(tab: Tab) -> None:
    tab.ask(world.MASTER)
    tab.turn.get_by_text("Why this answer").click()
    levels = tab.page.get_by_role("heading").evaluate_all("all => all.map((each) => Number(each.tagName[1]))")
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_a_question_in_arabic_is_written_from_the_right(tab: Tab) -> None:
    tab.ask(world.ARABIC)
    assert tab.turn.get_by_role("heading").first.evaluate("text => getComputedStyle(text).direction") == "rtl"


def test_paper_has_the_answer_and_no_controls(tab: Tab) -> None:
    tab.ask(world.MASTER)
    tab.page.emulate_media(media="print")
    expect(tab.page.get_by_text(world.MASTER_WORDS).first).to_be_visible()
    expect(tab.page.locator("[role=tablist]")).to_be_hidden()
    expect(tab.page.locator("#question")).to_be_hidden()


def test_without_motion_nothing_moves(browser: Browser, server: Running) -> None:
    with Tab.opened(browser, server, reduced_motion="reduce") as tab:
        tab.ask(world.MASTER)
        moving = "document.getAnimations().filter((each) => each.playState === 'running').length"
        assert tab.page.evaluate(moving) == 0


def test_colours_of_the_system_are_used_where_they_are_forced(browser: Browser, server: Running) -> None:
    with Tab.opened(browser, server, forced_colors="active") as tab:
        tab.cite(world.MASTER)
        expect(tab.mark).to_be_visible()
        expect(tab.citation).to_be_visible()
