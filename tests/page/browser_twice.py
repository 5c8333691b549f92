"""What people do twice, at the same time, or in another way than was thought of: nothing is lost, doubled or left out unsaid."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.page import world
from tests.page.tab import Tab
from tests.serve.serving import Running, running


@pytest.fixture
def kept(browser: Browser, keeping: Running) -> Iterator[Tab]:
    """Return a tab of a server that keeps conversations."""
    with Tab.opened(browser, keeping) as found:
        yield found


def test_an_edit_that_is_left_for_another_conversation_replaces_nothing_there(kept: Tab) -> None:
    kept.ask(world.MINUTES)
    kept.button("New conversation").click()
    kept.ask(world.SEALS)
    kept.button("Edit and ask again").click()
    kept.go("Conversations")
    kept.page.get_by_role("list", name="Conversations").get_by_role(
        "button", name=world.MINUTES, exact=True
    ).first.click()
    expect(kept.answer).to_contain_text(world.MINUTES_WORDS)
    expect(kept.question).to_have_value("")
    kept.ask(world.LANTERN)
    expect(kept.page.get_by_role("article")).to_have_count(2)


def test_an_edit_of_a_turn_that_goes_away_replaces_no_other_one(tab: Tab) -> None:
    tab.ask(world.MASTER)
    tab.ask(world.SEALS)
    tab.button("Edit and ask again").click()
    tab.page.get_by_role("button", name="Ask again", exact=True).first.click()
    expect(tab.page.get_by_role("article")).to_have_count(1)
    expect(tab.answer).to_contain_text(world.MASTER_WORDS)
    expect(tab.question).to_have_value(world.SEALS)
    tab.button("Ask").click()
    expect(tab.page.get_by_role("article")).to_have_count(2)


def test_an_edit_replaces_the_turn_by_its_number_on_the_server(kept: Tab, browser: Browser) -> None:
    kept.ask(world.MASTER)
    id_ = json.loads(kept.page.evaluate("sessionStorage.getItem('ragqa-conversation')"))["id"]
    kept.server.post("/api/ask", {"question": world.SEALS, "conversation": id_})  # as another tab does
    kept.ask(world.MINUTES)
    kept.button("Edit and ask again").click()
    kept.ask(world.LANTERN)
    turns = kept.server.get(f"/api/conversations/{id_}").json["turns"]
    assert [turn["question"] for turn in turns] == [world.MASTER, world.SEALS, world.LANTERN]


def test_a_long_question_is_kept_although_its_title_ends_at_an_emoji(kept: Tab) -> None:
    kept.ask(f"{world.MASTER} {'x' * (198 - len(world.MASTER))}🦭🦭 {world.MASTER}")
    expect(kept.turn.get_by_role("alert")).to_have_count(0)


def test_a_conversation_that_cannot_be_opened_now_is_told_and_comes_later(kept: Tab) -> None:
    kept.ask(world.MASTER)
    kept.page.route(
        "**/api/conversations/*", lambda route: route.fulfill(status=503, json={"error": {"message": "busy now"}})
    )
    kept.page.reload()
    expect(kept.page.get_by_text("cannot be shown now: busy now")).to_be_visible()
    kept.page.unroute("**/api/conversations/*")
    kept.page.reload()
    expect(kept.answer).to_contain_text(world.MASTER_WORDS)


@pytest.mark.parametrize(
    ("written", "where"),
    [
        ("date=2024-05-01", {"date": ["2024-05-01"]}),
        ("code=007", {"code": ["007"]}),
        ("level=7, final=true", {"level": ["7", 7], "final": ["true", True]}),
        ("link=a?b=c", {"link": ["a?b=c"]}),
        ("author=Doe, Jane", {"author": ["Doe, Jane"]}),
        ("author:Ann", {"author:Ann": [""]}),
    ],
)
def test_a_field_of_the_filter_is_sent_as_it_is_written_and_again_from_the_address(
    tab: Tab, written: str, where: dict[str, object]
) -> None:
    sent = []

    def search(route: Route) -> None:
        sent.append(route.request.post_data_json["where"])
        route.fulfill(json={"question": "x", "hits": []})

    tab.go("Search")
    tab.page.route("**/api/search", search)
    tab.page.get_by_text("Filter").click()
    tab.page.get_by_label("Fields").fill(written)
    tab.page.get_by_role("searchbox").fill("harbour")
    tab.page.get_by_role("searchbox").press("Enter")
    expect(tab.page.get_by_text("No passage was found")).to_be_visible()
    with tab.page.expect_response("**/api/search"):
        tab.page.reload()
    assert sent == [where, where]


def test_a_token_that_is_no_token_is_asked_for_again(browser: Browser, server: Running) -> None:
    with Tab.opened(browser, server) as tab:
        expect(tab.question).to_be_visible()
        tab.page.evaluate("sessionStorage.clear()")
        tab.page.reload()
        tab.page.get_by_label("Token").fill("\u201cragqa-x\u201d")
        tab.button("Go on").click()
        expect(tab.page.get_by_text("does not accept this token")).to_be_visible()


def test_later_text_comes_once_and_what_fails_is_said(browser: Browser, server: Running, tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    lines = [f"Line {number} of the log." for number in range(600)]
    (tmp_path / "documents" / "log.txt").write_text("\n".join(lines), encoding="utf-8")
    with running(tmp_path, world.built(tmp_path, {})) as plain, Tab.opened(browser, plain) as tab:
        tab.go("Documents")
        tab.button("Open log.txt").click()
        later = tab.viewer.get_by_role("button", name="Later text")
        tab.page.route("**/api/documents/*", lambda route: route.abort())
        later.click()
        expect(later).to_contain_text("cannot be reached")
        tab.page.unroute("**/api/documents/*")
        later.dblclick()
        expect(tab.viewer).to_contain_text("Line 300 of the log.")
        assert tab.viewer.inner_text().count("Line 300 of the log.") == 1


def test_a_list_of_documents_goes_on_once_and_begins_anew_where_the_index_changed(tab: Tab) -> None:
    generation = 1

    def listed(route: Route) -> None:
        offset = int(parse_qs(urlsplit(route.request.url).query)["offset"][0])
        known = {
            "title": "",
            "media_type": "text/plain",
            "size": 1,
            "pages": None,
            "chunks": 1,
            "ocr_pages": 0,
            "unread": [],
        }
        some = [
            known | {"id": f"{n:064x}", "source": f"{generation}-{n}.txt"} for n in range(offset, min(offset + 50, 100))
        ]
        route.fulfill(
            json={"generation": generation, "total": 100, "documents": some, "rejected": [], "rejected_total": 0}
        )

    tab.page.route("**/api/documents?*", listed)
    tab.go("Documents")
    rows = tab.page.get_by_role("tabpanel", name="Documents").locator("tbody tr")
    expect(rows).to_have_count(50)
    tab.button("More documents").dblclick()
    expect(rows.last).to_contain_text("1-99.txt")
    expect(rows).to_have_count(100)
    tab.go("Ask")
    tab.go("Documents")
    expect(rows).to_have_count(50)
    generation = 2
    tab.button("More documents").click()
    expect(rows.first).to_contain_text("2-0.txt")
    expect(rows).to_have_count(50)


def test_words_of_the_head_of_a_table_are_marked_in_its_text(tab: Tab) -> None:
    tab.go("Documents")
    tab.button("Open fares.csv").click()
    expect(tab.viewer.get_by_role("table")).to_be_visible()
    tab.button("Close document").click()
    hit = {
        "source": "fares.csv",
        "document_id": tab.server.id_of("fares.csv"),
        "start": 0,
        "end": 11,
        "text": "Route,Adult",
    }
    more: dict[str, object] = {"page": None, "place": "", "score": 1, "scores": {}, "fields": {}, "versions": {}}
    tab.page.route("**/api/search", lambda route: route.fulfill(json={"question": "x", "hits": [hit | more]}))
    tab.go("Search")
    tab.page.get_by_role("searchbox").fill("route")
    tab.page.get_by_role("searchbox").press("Enter")
    tab.button("Open fares.csv").click()
    expect(tab.mark).to_have_text("Route,Adult")


def test_a_passage_of_why_this_answer_opens_at_its_words(tab: Tab) -> None:
    tab.ask(world.SEALS)
    why = tab.turn.get_by_role("group", name="Why this answer")
    why.get_by_text("Why this answer").click()
    why.get_by_role("button", name="Open seals.txt").first.click()
    expect(tab.mark).to_contain_text(world.SEALS_WORDS)
    expect(tab.viewer.locator("#mark-note")).to_be_empty()


def test_a_verdict_is_kept_once_and_shown_as_kept_only_then(kept: Tab) -> None:
    kept.ask(world.LANTERN)
    good = kept.button("Good answer")
    kept.page.route("**/api/feedback", lambda route: route.abort())
    good.click()
    expect(kept.turn.get_by_text("Not kept: ")).to_be_visible()
    expect(good).to_have_attribute("aria-pressed", "false")
    kept.page.unroute("**/api/feedback")
    sent: list[Route] = []
    kept.page.route("**/api/feedback", lambda route: sent.append(route))
    good.dblclick()
    expect(good).to_have_attribute("aria-pressed", "false")
    sent[0].fulfill(json={"id": "feedback-1", "complete": True, "evidence": 1})
    expect(good).to_have_attribute("aria-pressed", "true")
    good.click()
    assert len(sent) == 1


def test_the_focus_is_not_lost_where_a_conversation_is_opened_or_deleted(kept: Tab) -> None:
    kept.ask(world.MINUTES)
    kept.button("New conversation").click()
    kept.ask(world.FARE)
    kept.go("Conversations")
    rows = kept.page.get_by_role("list", name="Conversations")
    rows.get_by_role("button", name=f"Delete {world.FARE}").press("Enter")
    rows.get_by_role("button", name=f"Delete for good? {world.FARE}").press("Enter")
    expect(kept.page.get_by_role("tabpanel").get_by_role("button", name="New conversation")).to_be_focused()
    rows.get_by_role("button", name=world.MINUTES, exact=True).first.press("Enter")
    expect(kept.page.get_by_role("tab", name="Ask")).to_be_focused()


def test_the_types_of_a_filter_are_offered_when_they_can_be_and_say_of_which_documents(tab: Tab) -> None:
    tab.go("Search")
    tab.page.route("**/api/documents?*", lambda route: route.abort())
    summary, types = tab.page.get_by_text("Filter"), tab.page.get_by_role("combobox")
    with tab.page.expect_event("requestfailed"):
        summary.click()
    expect(types.locator("option")).to_have_count(1)
    summary.click()
    first = {"media_type": "text/plain", "source": "a.txt"}
    tab.page.unroute("**/api/documents?*")
    tab.page.route("**/api/documents?*", lambda route: route.fulfill(json={"documents": [first], "total": 2}))
    summary.click()
    expect(types.locator("option")).to_have_text(["Any", "txt", "of the first 1 documents"])
