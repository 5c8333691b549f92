"""A browser, a server, and a tab that notes whatever it must not do. Without Playwright or Chromium, all tests are skipped."""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.page import world
from tests.serve.serving import Running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.page.tab import Tab

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING = [
    name
    for name, found in (("the package playwright", importlib.util.find_spec("playwright")), ("Chromium", CHROMIUM))
    if not found
]


class NotHere(pytest.File):
    """A file of tests that cannot be imported without a browser: each of them is skipped."""

    def collect(self) -> Iterator[pytest.Item]:
        for name in re.findall(r"^def (test_\w+)", self.path.read_text(encoding="utf-8"), re.MULTILINE):
            yield Skipped.from_parent(self, name=name)


class Skipped(pytest.Item):
    """A test that is skipped."""

    def runtest(self) -> None:
        pytest.skip(f"{' and '.join(MISSING)} is not here")


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.File | None:
    """Skip what needs a browser where there is none."""
    if MISSING and module_path.name.startswith("browser_"):
        return NotHere.from_parent(parent, path=module_path)
    return None


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable[..., Browser]]:
    """Return a function that starts Chromium. `--no-sandbox` lets it run as root, as in a container."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield lambda *more: playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *more])


@pytest.fixture(scope="session")
def browser(launch: Callable[..., Browser]) -> Iterator[Browser]:
    """Return Chromium, started once."""
    browser = launch()
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a server over the documents of a harbour."""
    with world.harbour(tmp_path_factory.mktemp("harbour")) as found:
        yield found


@pytest.fixture(scope="session")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a server that keeps conversations and feedback."""
    folder = tmp_path_factory.mktemp("keeping")
    with world.harbour(
        folder, conversations=str(folder / "kept.sqlite"), feedback=str(folder / "feedback.jsonl")
    ) as found:
        yield found


@pytest.fixture
def tab(browser: Browser, server: Running) -> Iterator[Tab]:
    """Return a new tab at the page, with a token. It must do nothing that the page forbids."""
    from tests.page.tab import Tab

    with Tab.opened(browser, server) as found:
        yield found
