"""Asking: an answer with citations, an abstention, an end in the middle, a lost connection, several turns."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.page import world
from tests.page.tab import Tab
from tests.serve.serving import Running, SlowGenerator, running


def test_an_answer_has_a_citation_that_opens_the_document_at_its_words(tab: Tab) -> None:
    tab.ask(world.MASTER)
    expect(tab.answer).to_contain_text(world.MASTER_WORDS)
    expect(tab.citation).to_have_text("[1]")
    expect(tab.citation).to_have_accessible_name("1: harbour.md")
    tab.citation.click()
    expect(tab.mark).to_have_text(world.MASTER_WORDS)
    expect(tab.mark).to_be_in_viewport()
    expect(tab.viewer.locator("#proof")).to_contain_text("These words stand in harbour.md")


def test_the_proof_has_the_hash_of_the_file(tab: Tab) -> None:
    tab.cite(world.MASTER)
    data = (tab.server.folder / "documents" / "harbour.md").read_bytes()
    expect(tab.viewer.locator("#proof")).to_contain_text(hashlib.sha256(data).hexdigest()[:8])


def test_passages_are_there_before_the_answer(tab: Tab) -> None:
    SlowGenerator.renew()
    tab.question.fill(world.SLOW)
    tab.button("Ask").click()
    expect(tab.passages).to_contain_text("The mill has a master called Millson.")
    expect(tab.answer).to_have_text("")
    tab.button("Stop").click()


def test_a_question_without_an_answer_gets_reasons_and_the_nearest_passages(tab: Tab) -> None:
    tab.ask(world.UNKNOWN)
    expect(tab.answer).to_contain_text("The documents give no answer")
    expect(tab.answer).to_contain_text("No document names Peru")
    expect(tab.passages.get_by_role("listitem")).not_to_have_count(0)
    expect(tab.answer.get_by_role("button")).to_have_count(1)


def test_an_abstention_leads_to_the_search(tab: Tab) -> None:
    tab.ask(world.UNKNOWN)
    tab.answer.get_by_role("button", name="Search instead").click()
    expect(tab.page.get_by_role("tab", name="Search")).to_have_attribute("aria-selected", "true")
    expect(tab.page.get_by_role("searchbox")).to_have_value(world.UNKNOWN)


def test_stop_frees_the_worker(tab: Tab) -> None:
    SlowGenerator.renew()
    tab.question.fill(world.SLOW)
    tab.button("Ask").click()
    assert SlowGenerator.writing.wait(10)
    tab.button("Stop").click()
    assert SlowGenerator.stopped.wait(5)
    expect(tab.turn).to_contain_text("Stopped")
    tab.ask(world.MASTER)
    expect(tab.answer).to_contain_text(world.MASTER_WORDS)


def test_the_end_of_a_tab_frees_the_worker(browser: Browser, server: Running) -> None:
    SlowGenerator.renew()
    with Tab.opened(browser, server) as tab:
        tab.question.fill(world.SLOW)
        tab.button("Ask").click()
        assert SlowGenerator.writing.wait(10)
    assert SlowGenerator.stopped.wait(5)


def test_a_question_survives_a_server_that_cannot_be_reached(tab: Tab) -> None:
    expect(tab.question).to_be_visible()
    tab.page.route("**/api/ask", lambda route: route.abort("connectionrefused"))
    tab.question.fill(world.MASTER)
    tab.button("Ask").click()
    expect(tab.turn.get_by_role("alert")).to_contain_text("cannot be reached")
    tab.page.unroute("**/api/ask")
    tab.button("Ask again").click()
    expect(tab.answer).to_contain_text(world.MASTER_WORDS)


def test_a_connection_that_ends_in_the_middle_of_an_answer_is_no_answer(tab: Tab) -> None:
    expect(tab.question).to_be_visible()
    half = f"event: token\ndata: {json.dumps({'text': 'Half of it', 'citations': [], 'support': 0.0})}\n\n"
    tab.page.route("**/api/ask", lambda route: route.fulfill(body=half, content_type="text/event-stream"))
    tab.question.fill(world.MASTER)
    tab.button("Ask").click()
    expect(tab.turn.get_by_role("alert")).to_contain_text("ended before the answer")
    tab.page.unroute("**/api/ask")
    tab.button("Ask again").click()
    expect(tab.answer).to_have_text(re.compile(f"^{re.escape(world.MASTER_WORDS)}"))


def test_a_full_server_says_when_to_come_again(browser: Browser, server: Running) -> None:
    with running(server.folder, server.pipeline, per_minute=1) as hurried, Tab.opened(browser, hurried) as tab:
        tab.ask(world.MASTER)
        tab.question.fill(world.LANTERN)
        tab.button("Ask").click()
        expect(tab.turn.get_by_role("alert")).to_be_visible()
        expect(tab.turn.get_by_role("button", name=re.compile(r"Ask again in \d+ s"))).to_be_disabled()


def test_a_follow_up_takes_the_cited_words_of_the_turn_before(tab: Tab) -> None:
    tab.ask(world.MASTER)
    with tab.page.expect_request("**/api/ask") as sent:
        tab.ask("Since when?")
    body = sent.value.post_data_json or {}
    assert body["history"] == [{"question": world.MASTER, "answer": world.MASTER_WORDS}]
    expect(tab.page.get_by_role("article")).to_have_count(2)


def test_a_question_can_be_edited_and_asked_again(tab: Tab) -> None:
    tab.ask(world.MASTER)
    tab.ask(world.SEALS)
    tab.page.get_by_role("button", name="Edit and ask again").first.click()
    expect(tab.question).to_have_value(world.MASTER)
    tab.question.fill(world.LANTERN)
    tab.button("Ask").click()
    expect(tab.answer).to_contain_text(world.LANTERN_WORDS)
    expect(tab.page.get_by_role("article")).to_have_count(1)


def test_a_conversation_of_a_tab_outlives_a_reload(tab: Tab) -> None:
    tab.ask(world.MASTER)
    tab.page.reload()
    expect(tab.answer).to_contain_text(world.MASTER_WORDS)
    tab.button("New conversation").click()
    expect(tab.page.get_by_role("article")).to_have_count(0)
    tab.page.reload()
    expect(tab.question).to_be_visible()
    expect(tab.page.get_by_role("article")).to_have_count(0)


def test_an_answer_is_copied_with_its_sources(tab: Tab) -> None:
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.ask(world.LANTERN)
    tab.button("Copy with sources").click()
    expect(tab.page.get_by_text("Copied with its sources")).to_be_attached()
    copied = tab.page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{world.LANTERN_WORDS}[1]\n\n[1] lights.pdf, page 2: \u201c{world.LANTERN_WORDS}\u201d"


def test_why_this_answer_has_the_prompt_the_scores_and_the_costs(tab: Tab) -> None:
    tab.ask(world.MASTER)
    why = tab.turn.get_by_role("group", name="Why this answer")
    why.get_by_text("Why this answer").click()
    expect(why.get_by_label("Prompt", exact=True)).to_contain_text(world.MASTER)
    expect(why).to_contain_text("Index version")
    expect(why).to_contain_text("harbour.md")
    for figure in ("lexical", "milliseconds", "tokens"):
        expect(why).to_contain_text(figure)


def test_enter_asks_and_shift_enter_begins_a_line(tab: Tab) -> None:
    tab.question.press_sequentially("Please tell me:")
    tab.question.press("Shift+Enter")
    expect(tab.page.get_by_role("article")).to_have_count(0)
    tab.question.press_sequentially(world.MASTER)
    tab.question.press("Enter")
    expect(tab.answer).to_contain_text("Ada Quist")


def test_an_answer_in_a_form_of_markdown_is_shown_as_text(browser: Browser, server: Running, tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    text = "A **bold** harbour [links](http://evil.test/) <b>tags</b>."
    (tmp_path / "documents" / "a.txt").write_text(text, encoding="utf-8")
    with running(tmp_path, world.built(tmp_path, {}, abstains=False)) as plain, Tab.opened(browser, plain) as tab:
        tab.ask("What links the bold harbour?")
        expect(tab.answer).to_contain_text(text)
        expect(tab.answer.locator("b, a, strong")).to_have_count(0)
