"""A project for the tests of MCP, and servers for all tests of a module that change nothing in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import write_project
from tests.serve.serving import Running, build, running, write_pdf
from tests.serve.told_pipeline import opener


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


@pytest.fixture(scope="package")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a server that keeps conversations and feedback, over texts, a PDF file, a table and a file that is damaged."""
    folder = tmp_path_factory.mktemp("papers")
    pipeline, documents = build(folder), folder / "documents"
    write_pdf(documents / "pier.pdf", "The pier has a master called Pierson.")
    rows = [f'pier {number},{number * 10},"a ""good"" one"\n' for number in range(400)]
    (documents / "fees.csv").write_text("".join(["Pier,Fee,Note\n", *rows]), encoding="utf-8")
    (documents / "damaged.pdf").write_bytes(b"%PDF-1.4\nnothing")
    pipeline.index()
    kept, feedback = str(folder / "kept.db"), str(folder / "feedback.jsonl")
    with running(folder, pipeline, conversations=kept, feedback=feedback) as found:
        yield found


@pytest.fixture(scope="package")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an indexed pipeline over three small documents and a long one."""
    folder = tmp_path_factory.mktemp("served")
    write_project(folder, ["ferry", "kite", "lantern"])
    lines = [f"Line {number} of the ledger names the sum of {number * 7} crowns for ropes.\n" for number in range(400)]
    (folder / "documents" / "ledger.txt").write_text("".join(lines), encoding="utf-8")
    opener(folder)().index()
    return folder
