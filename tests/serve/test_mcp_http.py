from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import anyio
import httpx2
import pytest
import uvicorn
from anyio import to_thread
from mcp import Client

from ragqa.records import Answer, Hit
from ragqa.serve.mcp import asgi
from tests.serve.told_pipeline import opener
from tests.serve.uses import MODES, cancel_an_answer, use_all


@pytest.fixture(scope="module")
def address(project: Path) -> Iterator[str]:
    """Serve the tools on a free port, over a search and an ask that await the pipeline; return the address."""
    pipeline = opener(project)()

    async def search(question: str, k: int) -> Sequence[Hit]:
        return await to_thread.run_sync(pipeline.search, question, k)

    async def ask(question: str) -> Answer:
        return await pipeline.aask(question)

    config = uvicorn.Config(
        asgi(pipeline, search, ask, ["documents.example"]), port=0, log_level="warning", http="h11", ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/mcp"
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("version", MODES)
def test_a_client_over_http_lists_searches_asks_and_reads(version: str, address: str, project: Path) -> None:
    async def use() -> None:
        async with Client(address, mode=MODES[version]) as client:
            await use_all(client, version, project)

    anyio.run(use)


def test_a_client_cancels_over_http(address: str, project: Path) -> None:
    async def use() -> None:
        async with Client(address) as client:
            await cancel_an_answer(client, project)

    anyio.run(use)


def test_a_connection_that_closes_stops_its_answer(address: str, project: Path) -> None:
    for name in ("begun", "stopped"):
        (project / name).unlink(missing_ok=True)
    arguments = {"question": "What does the kite have, said slowly?"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "ask", "arguments": arguments}}
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(address, json=body, headers={"accept": "application/json"}, timeout=2)
    assert (project / "begun").exists()
    until = time.monotonic() + 5
    while not (project / "stopped").exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert (project / "stopped").exists()


def listing(address: str, **headers: str) -> httpx2.Response:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accepted = {"accept": "application/json, text/event-stream", **headers}
    return httpx2.post(address, json=body, headers=accepted)


def test_a_request_gets_one_json_response_and_no_session(address: str) -> None:
    response = listing(address)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert "mcp-session-id" not in response.headers
    assert [tool["name"] for tool in response.json()["result"]["tools"]] == ["search", "ask", "read"]


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:8000", "[::1]:1", "documents.example", "documents.example:443"]
)
def test_hosts_of_this_machine_and_those_that_are_named_are_served(address: str, host: str) -> None:
    assert listing(address, host=host, origin=f"https://{host}").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "0.0.0.0", "localhost@evil.example"])
def test_another_host_is_refused(address: str, host: str) -> None:
    assert listing(address, host=host).status_code == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1.evil.example"])
def test_another_origin_is_refused(address: str, origin: str) -> None:
    assert listing(address, origin=origin).status_code == 403


def test_a_body_that_is_too_long_is_refused(address: str) -> None:
    response = httpx2.post(address, content=b" " * 2_000_000, headers={"content-type": "application/json"})
    assert response.status_code == 413
