"""Servers for all tests of a module that change nothing in them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serve.serving import Running, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a server that runs."""
    with running(tmp_path_factory.mktemp("serve"), body_bytes=300_000) as found:
        yield found


@pytest.fixture(scope="module")
def hasty(server: Running) -> Iterator[Running]:
    """Return a server that waits for nobody."""
    with running(
        server.folder,
        server.pipeline,
        send_buffer=4096,
        body_bytes=300_000,
        head_seconds=0.5,
        body_seconds=0.5,
        send_seconds=0.5,
    ) as found:
        yield found
