"""The token: where it comes from, where it is kept, and where it never is."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.page import world
from tests.page.tab import Tab
from tests.serve.serving import Running


def test_the_token_is_gone_from_the_address_and_the_history(tab: Tab) -> None:
    expect(tab.question).to_be_visible()
    assert tab.page.url == f"{tab.server.url}/"
    tab.page.goto(f"{tab.server.url}/healthz")
    tab.page.go_back()
    expect(tab.question).to_be_visible()
    assert "token" not in tab.page.url


def test_the_token_is_in_no_address_and_in_no_cookie(tab: Tab) -> None:
    tab.cite(world.LANTERN)
    secret = tab.server.secrets["alice"]
    assert not [address for address in tab.requests if secret in address and not address.endswith(f"#token={secret}")]
    assert tab.page.context.cookies() == []
    assert tab.page.evaluate("localStorage.length") == 0
    assert secret not in tab.page.content()


def test_without_a_token_the_page_asks_for_one_and_for_nothing_else(browser: Browser, server: Running) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.url)
    expect(page.get_by_label("Token")).to_be_focused()
    assert not [address for address in asked if "/api/" in address]
    _give(page, "wrong")
    expect(page.get_by_role("alert")).to_contain_text("does not accept this token")
    _give(page, server.secrets["alice"])
    expect(page.get_by_role("textbox", name="Question")).to_be_visible()
    page.context.close()


def _give(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Go on").click()


def test_a_token_that_is_taken_back_is_asked_for_and_the_conversation_stays(tab: Tab) -> None:
    tab.ask(world.MASTER)
    tab.page.evaluate("sessionStorage.setItem('ragqa-token', 'taken back')")
    tab.question.fill(world.SEALS)
    tab.button("Ask").click()
    expect(tab.page.get_by_label("Token")).to_be_visible()
    _give(tab.page, tab.server.secrets["alice"])
    expect(tab.answer.first).to_be_attached()
    expect(tab.page.get_by_text(world.MASTER_WORDS).first).to_be_visible()


def test_a_new_tab_has_no_token_and_no_conversation_of_another_one(tab: Tab) -> None:
    tab.ask(world.MASTER)
    other = tab.page.context.new_page()
    other.goto(tab.server.url)
    expect(other.get_by_label("Token")).to_be_visible()


def test_two_tabs_ask_at_the_same_time_and_keep_apart(tab: Tab) -> None:
    expect(tab.question).to_be_visible()
    with_bob = Tab(tab.page.context.new_page(), tab.server)
    with_bob.page.goto(f"{tab.server.url}/#token={tab.server.secrets['bob']}")
    for each, question in ((tab, world.MASTER), (with_bob, world.SEALS)):
        each.question.fill(question)
        each.button("Ask").click()
    expect(tab.answer).to_contain_text(world.MASTER_WORDS)
    expect(with_bob.answer).to_contain_text(world.SEALS_WORDS)
    for each in (tab, with_bob):
        expect(each.page.get_by_role("article")).to_have_count(1)
    with_bob.check()
