"""A tab of the browser at the page, by the names that a person reads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Locator, Page, expect

from tests.serve.serving import Running

expect.set_options(timeout=10_000)


class Tab:
    """A tab that notes requests to other origins, dialogs, errors of scripts and breaches of the Content-Security-Policy."""

    def __init__(self, page: Page, server: Running) -> None:
        self.page, self.server = page, server
        self.requests: list[str] = []
        self.foreign: list[str] = []
        self.dialogs: list[str] = []
        self.errors: list[str] = []
        page.on("request", self._asked)
        page.on("dialog", self._dialog)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._said)

    @classmethod
    @contextlib.contextmanager
    def opened(
        cls, browser: Browser, server: Running, *, who: str = "alice", path: str = "/", **options: Any
    ) -> Iterator[Tab]:
        """Open a tab with a token; in the end, it must have kept the rules."""
        options = {"viewport": {"width": 1280, "height": 800}, **options}
        context = browser.new_context(**options)
        tab = cls(context.new_page(), server)
        try:
            tab.page.goto(f"{server.url}{path}#token={server.secrets[who]}")
            yield tab
            tab.check()
        finally:
            context.close()

    def check(self) -> None:
        """Fail where the tab asked another origin, opened a dialog, or had an error."""
        assert (self.foreign, self.dialogs, self.errors) == ([], [], [])

    def _asked(self, request: Any) -> None:
        self.requests.append(request.url)
        parts = urlsplit(request.url)
        if parts.scheme not in ("blob", "data") and f"{parts.scheme}://{parts.netloc}" != self.server.url:
            self.foreign.append(request.url)

    def _dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _said(self, message: Any) -> None:
        """Note errors, but not that the server replied with one: the page shows these."""
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.errors.append(message.text)

    @property
    def question(self) -> Locator:
        return self.page.get_by_role("textbox", name="Question")

    @property
    def turn(self) -> Locator:
        """The newest question with its answer."""
        return self.page.get_by_role("article").last

    @property
    def answer(self) -> Locator:
        return self.page.get_by_role("region", name="Answer").last

    @property
    def passages(self) -> Locator:
        return self.page.get_by_role("list", name="Passages").last

    @property
    def viewer(self) -> Locator:
        return self.page.get_by_role("complementary", name="Document")

    @property
    def mark(self) -> Locator:
        return self.viewer.locator("mark[data-span]")

    @property
    def citation(self) -> Locator:
        """The first citation of the newest answer."""
        return self.answer.get_by_role("button").first

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True).last

    def go(self, name: str) -> None:
        """Open one of the parts of the page."""
        self.page.get_by_role("tab", name=name, exact=True).click()

    def ask(self, question: str) -> None:
        """Ask, and wait for the whole answer."""
        self.question.fill(question)
        self.button("Ask").click()
        expect(self.turn.get_by_role("group", name="Why this answer")).to_be_attached()

    def cite(self, question: str) -> None:
        """Ask, and open the first citation of the answer."""
        self.ask(question)
        self.citation.click()
        expect(self.viewer.locator("#proof")).not_to_be_empty()
