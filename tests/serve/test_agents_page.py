from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ragqa.serve.mcp_tools import MOST_PASSAGES, ROOM, TOOLS

PAGE = (Path(__file__).parents[2] / "docs" / "agents.md").read_text(encoding="utf-8")


def servers() -> list[dict[str, Any]]:
    """Return the servers of all lines to paste."""
    pasted = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)]
    return [server for each in pasted for (named,) in [each.values()] for server in named.values()]


def test_the_lines_to_paste_start_the_server_over_stdio_or_name_its_address() -> None:
    local = [server for server in servers() if "command" in server]
    assert [server["args"] for server in local] == 2 * [["serve", "/home/me/pipeline.yaml", "--stdio"]]
    assert all(Path(server["command"]).is_absolute() for server in local)
    assert [server["url"].endswith("/mcp") for server in servers() if "url" in server] == [True]


def test_the_page_names_each_tool_with_what_it_takes_and_returns() -> None:
    rows = {row[0]: row for row in re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)}
    assert rows.keys() == {tool["name"] for tool in TOOLS}
    for tool in TOOLS:
        _, takes, _ = rows[tool["name"]]
        assert re.findall(r"`(\w+)`", takes.replace("`source` or `document_id`", "")) == list(
            tool["inputSchema"]["properties"]
        )
    shared = {"notice", "left_out", "next_cursor", "next_start"}
    for tool in TOOLS:
        assert all(f"`{name}`" in PAGE for name in tool["outputSchema"]["properties"].keys() - shared - {"title"})
    assert f"at most {ROOM:,} tokens" in PAGE and f"1 to {MOST_PASSAGES}; 5" in PAGE
