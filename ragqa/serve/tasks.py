"""The prompts by which Open WebUI asks for titles, tags and the like. Documents do not answer them; a fixed rule does."""

from __future__ import annotations

import json
import re

BEGINS = "### Task:"
_TITLE_WORDS = 6
_ASKED = re.compile(r"^\s*USER: *(.+)$", re.MULTILINE)
_EMPTY: tuple[tuple[str, str | list[str]], ...] = (
    ("follow_ups", []),
    ("tags", []),
    ("queries", []),
    ("prompt", ""),
    ("text", ""),
)


def task_reply(question: str) -> str | None:
    """Return the reply to such a prompt; None for a question."""
    text = question.lstrip()
    if not text.startswith(BEGINS):
        return None
    task = text.partition("### Chat History")[0]
    for key, empty in _EMPTY:
        if f'"{key}"' in task:
            return json.dumps({key: empty})
    if "title" in task.lower():
        asked = _ASKED.search(text)
        words = asked[1].split()[:_TITLE_WORDS] if asked else ["Conversation"]
        return json.dumps({"title": " ".join(words)}, ensure_ascii=False)
    return ""
