"""One server for all tests of a module that change nothing in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serve.serving import Running, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a server that runs."""
    with running(tmp_path_factory.mktemp("serve"), body_bytes=100_000) as found:
        yield found
