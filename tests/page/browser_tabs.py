"""Searching, the list of documents, conversations that are kept, and what people say of answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from ragqa.evaluate.datasets.jsonl import read
from tests.page import world
from tests.page.tab import Tab
from tests.serve.serving import Running


@pytest.fixture
def kept(browser: Browser, keeping: Running) -> Iterator[Tab]:
    """Return a tab of a server that keeps conversations and feedback."""
    with Tab.opened(browser, keeping) as found:
        yield found


def results(tab: Tab) -> Locator:
    return tab.page.get_by_role("list", name="Results").get_by_role("listitem")


def search(tab: Tab, words: str) -> None:
    tab.go("Search")
    tab.page.get_by_role("searchbox").fill(words)
    tab.page.get_by_role("searchbox").press("Enter")
    expect(results(tab)).not_to_have_count(0)


def test_a_search_shows_passages_with_their_scores(tab: Tab) -> None:
    search(tab, "lantern Skerry Point")
    best = results(tab).first
    expect(best).to_contain_text(world.LANTERN_WORDS)
    for name in ("lights.pdf", "page 2", "lexical", "dense"):
        expect(best).to_contain_text(name)


def test_a_hit_opens_at_its_words(tab: Tab) -> None:
    search(tab, "seal pups sandbank")
    results(tab).first.get_by_role("button", name="Open seals.txt").click()
    expect(tab.mark).to_contain_text(world.SEALS_WORDS)


def test_an_address_with_a_search_can_be_sent_to_somebody(tab: Tab, browser: Browser) -> None:
    search(tab, "lantern Skerry Point")
    address = tab.page.url
    assert "lantern" in address.partition("#")[2]
    with Tab.opened(browser, tab.server) as other:
        expect(other.question).to_be_visible()
        other.page.goto(address)
        expect(results(other).first).to_contain_text(world.LANTERN_WORDS)


def test_a_search_that_finds_nothing_says_so(tab: Tab) -> None:
    tab.go("Search")
    tab.page.route("**/api/search", lambda route: route.fulfill(json={"question": "x", "hits": []}))
    tab.page.get_by_role("searchbox").fill("nothing")
    tab.page.get_by_role("searchbox").press("Enter")
    expect(tab.page.get_by_text("No passage was found")).to_be_visible()


def test_a_search_is_narrowed_to_files(tab: Tab) -> None:
    search(tab, "the harbour of Tarn and Holm")
    before = results(tab).count()
    tab.page.get_by_text("Filter").click()
    tab.page.get_by_label("File", exact=True).fill("*.pdf")
    tab.page.get_by_role("searchbox").press("Enter")
    expect(results(tab).filter(has_text="lights.pdf")).not_to_have_count(0)
    expect(results(tab).filter(has_not_text="lights.pdf")).to_have_count(0)
    assert results(tab).count() < before
    tab.page.reload()
    expect(results(tab).filter(has_not_text="lights.pdf")).to_have_count(0)


def test_a_filter_that_no_document_meets_is_told(tab: Tab) -> None:
    tab.go("Search")
    tab.page.get_by_text("Filter").click()
    tab.page.get_by_label("Fields").fill("author=Nobody")
    tab.page.get_by_role("searchbox").fill("harbour")
    tab.page.get_by_role("searchbox").press("Enter")
    expect(tab.page.get_by_role("tabpanel", name="Search").get_by_role("alert")).to_be_visible()


def test_indexing_is_seen_while_it_runs(tab: Tab) -> None:
    running = {"running": True, "stage": "embedding", "done": 3, "total": 10, "last": None}
    ended = {"ended": "2026-01-02T03:04:05Z", "added": 7, "removed": 0, "rejected": 1}
    states = [running, running, {"running": False, "stage": "", "done": 0, "total": 0, "last": ended}]
    tab.page.route(
        "**/api/index/progress", lambda route: route.fulfill(json=states.pop(0) if len(states) > 1 else states[0])
    )
    tab.go("Documents")
    panel = tab.page.get_by_role("tabpanel", name="Documents")
    expect(panel).to_contain_text("3 of 10")
    expect(panel.get_by_role("progressbar")).to_be_visible()
    expect(panel).to_contain_text("7 new or changed")
    expect(panel.get_by_role("progressbar")).to_be_hidden()


def test_files_that_changed_since_they_were_indexed_are_told(tab: Tab) -> None:
    changes = {"compared": "2026-01-02T03:04:05Z", "changed": 2, "removed": 1, "error": None}
    state = {"running": False, "stage": "", "done": 0, "total": 0, "last": None, "changes": changes}
    tab.page.route("**/api/index/progress", lambda route: route.fulfill(json=state))
    tab.go("Documents")
    expect(tab.page.get_by_role("tabpanel", name="Documents")).to_contain_text("2 files new or changed, 1 gone")


def test_the_documents_and_what_was_rejected_are_listed(tab: Tab) -> None:
    tab.go("Documents")
    panel = tab.page.get_by_role("tabpanel", name="Documents")
    for name in (*world.TEXTS, "lights.pdf"):
        expect(panel.locator("tbody")).to_contain_text(name)
    expect(panel.locator("tbody tr")).to_have_count(len(world.TEXTS) + 1)
    expect(panel).to_contain_text("1 file not indexed")
    expect(panel.get_by_role("listitem").filter(has_text="broken.pdf")).to_contain_text(re.compile("damaged|PDF"))


def test_a_document_of_the_list_opens_without_a_mark(tab: Tab) -> None:
    tab.go("Documents")
    tab.button("Open arabic.txt").click()
    expect(tab.viewer).to_contain_text(world.ARABIC_WORDS)
    expect(tab.mark).to_have_count(0)
    expect(tab.viewer.locator("#proof")).to_contain_text("This is arabic.txt")


def test_a_conversation_is_kept_opened_and_gone_on_with(kept: Tab) -> None:
    kept.ask(world.SEALS)
    kept.ask(world.MASTER)
    kept.button("New conversation").click()
    kept.go("Conversations")
    kept.page.get_by_role("list", name="Conversations").get_by_role(
        "button", name=world.SEALS, exact=True
    ).first.click()
    expect(kept.page.get_by_role("article")).to_have_count(2)
    expect(kept.answer).to_contain_text(world.MASTER_WORDS)
    kept.ask(world.LANTERN)
    expect(kept.page.get_by_role("article")).to_have_count(3)


def test_a_conversation_of_another_token_is_not_listed(kept: Tab, browser: Browser) -> None:
    kept.ask(world.MINUTES)
    with Tab.opened(browser, kept.server, who="bob") as other:
        other.go("Conversations")
        expect(other.page.get_by_text("None yet")).to_be_visible()


def test_a_deleted_conversation_is_gone_from_the_list_and_the_file(kept: Tab) -> None:
    question = "Who is the harbour master of Gull Holm, zyxcanary?"
    kept.ask(question)
    kept.go("Conversations")
    row = kept.page.get_by_role("list", name="Conversations").get_by_role("listitem").filter(has_text="zyxcanary")
    delete = row.get_by_role("button", name=re.compile("^Delete"))
    delete.click()
    expect(delete).to_have_text("Delete for good?")
    delete.click()
    expect(row).to_have_count(0)
    stored = [file for file in kept.server.folder.glob("kept.sqlite*") if b"zyxcanary" in file.read_bytes()]
    assert stored == []


@pytest.mark.parametrize(("form", "ending"), [("Markdown", ".md"), ("JSON", ".json")])
def test_a_conversation_is_exported_with_its_citations(kept: Tab, form: str, ending: str) -> None:
    kept.ask(world.LANTERN)
    kept.go("Conversations")
    with kept.page.expect_download() as saved:
        kept.page.get_by_role("button", name=f"Export as {form}: {world.LANTERN}").first.click()
    assert saved.value.suggested_filename.endswith(ending)
    text = Path(saved.value.path()).read_text(encoding="utf-8")
    for part in (world.LANTERN, world.LANTERN_WORDS, "lights.pdf"):
        assert part in text


def test_the_conversation_of_a_tab_is_exported_where_none_is_kept(tab: Tab) -> None:
    tab.ask(world.MASTER)
    tab.go("Conversations")
    expect(tab.page.get_by_text("keeps no conversations")).to_be_visible()
    with tab.page.expect_download() as saved:
        tab.page.get_by_role("button", name=f"Export as JSON: {world.MASTER}").click()
    data = json.loads(Path(saved.value.path()).read_text(encoding="utf-8"))
    assert world.MASTER_WORDS in json.dumps(data, ensure_ascii=False)


def test_a_verdict_becomes_a_question_that_an_evaluation_reads(kept: Tab) -> None:
    file = kept.server.folder / "feedback.jsonl"
    kept.ask(world.MASTER)
    kept.button("Good answer").click()
    expect(kept.page.get_by_text("Kept, thank you.")).to_be_visible()
    kept.ask(world.SEALS)
    kept.button("Bad answer").click()
    kept.page.get_by_role("textbox", name="What would be right?").last.fill("313 pups")
    kept.button("Send").click()
    expect(kept.turn.get_by_text("Kept, thank you.")).to_be_visible()
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line["question"] for line in lines] == [world.MASTER, world.SEALS]
    dataset = read(file, "feedback")
    assert [question.question for question in dataset.questions] == [world.MASTER, world.SEALS]
    assert dataset.questions[1].answers == ("313 pups",)


def test_without_a_file_for_it_there_is_no_feedback(tab: Tab) -> None:
    tab.ask(world.MASTER)
    expect(tab.page.get_by_role("button", name="Good answer")).to_have_count(0)
