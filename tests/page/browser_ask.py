"""Asking: an answer with citations, an abstention, an end in the middle, a lost connection."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.page import world
from tests.page.tab import Tab
from tests.serve.serving import Running, SlowGenerator


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
    import hashlib

    tab.cite(world.MASTER)
    data = (tab.server.folder / "documents" / "harbour.md").read_bytes()
    expect(tab.viewer.locator("#proof")).to_contain_text(hashlib.sha256(data).hexdigest()[:8])
