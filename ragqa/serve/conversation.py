"""The messages of OpenAI's interface as a question with earlier turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ragqa.serve.errors import HttpError
from ragqa.serve.wire import Message


def conversation(messages: Sequence[Message], refusal: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the last message as the question, and the pairs of questions and answers before it.

    System messages are left out: the pipeline file says how questions are answered. So are turns without an answer, and
    messages of tools.

    :param refusal: the text that stands for no answer.
    :raises HttpError: the last message is not of the user, or holds other things than text.
    """
    if messages[-1].role != "user":
        raise HttpError(400, "messages: the last one must be the user's question", param="messages")
    turns: list[tuple[str, str]] = []
    asked = ""
    for i, message in enumerate(messages[:-1]):
        text = _text(message, f"messages.{i}.content")
        if message.role == "user":
            asked = text
        elif message.role == "assistant" and asked and text.strip() and text != refusal:
            turns.append((asked, text))
            asked = ""
    return _text(messages[-1], f"messages.{len(messages) - 1}.content"), turns


def prompt(given: Any) -> str:
    """Return the prompt of a completion, which is one text.

    :raises HttpError: there are several, or it consists of ids of tokens.
    """
    texts = [given] if isinstance(given, str) else given
    if len(texts) != 1 or not isinstance(texts[0], str):
        raise HttpError(400, "prompt: send one text", "unsupported_value", "prompt")
    return str(texts[0])


def _text(message: Message, where: str) -> str:
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    for part in message.content:
        if part.type != "text" or part.text is None:
            raise HttpError(400, f"{where}: only parts of type text are read", "unsupported_value", where)
    return "\n".join(part.text or "" for part in message.content)
