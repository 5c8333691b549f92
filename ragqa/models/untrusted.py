"""The work in the sandbox on the files of a model: its tokenizer is tried out, and its chat template is run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import Any

from ragqa.errors import RejectedError
from ragqa.messages import brief

_ALWAYS = "aA1 \n.'_é中\u0e01!"
"""Letters, digits and signs that match character classes such as \\w or \\s."""
_CHARACTERS = 16
"""The number of characters of the tokenizer's own patterns that are tried."""
_EXPONENTIAL, _POLYNOMIAL = 60, 3000
"""The numbers of repetitions of a character. Few show exponential time, many show polynomial time."""
_TOKENS_PER_BYTE = 8
_ESCAPED = re.compile(r"\\[xu](?:\{([0-9A-Fa-f]{1,8})\}|([0-9A-Fa-f]{2,4}))")


def try_tokenizer(data: bytes) -> str:
    """Tokenise texts for which patterns with nested repetitions are slow. The sandbox bounds time and memory.

    :param data: a tokenizer.json.
    :return: `sound`, or `unreadable`. In the second case, loading the tokenizer raises an error with the reason.
    :raises RejectedError: the tokenizer makes far more tokens than a text has bytes.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_buffer(data)
    except Exception:  # the library has no narrower class of errors
        return "unreadable"
    tokenizer.no_truncation()
    tokenizer.no_padding()
    for text in _texts(json.loads(data)):
        try:
            tokens = len(tokenizer.encode(text).ids)
        except BaseException as error:  # the library's error for a pattern beyond its limit is not an `Exception`
            raise RejectedError(f"fails ({brief(error, 150)})") from error
        if tokens > _TOKENS_PER_BYTE * len(text.encode()) + 64:
            raise RejectedError(f"makes {tokens:,} tokens of {len(text):,} characters")
    return "sound"


def _texts(tokenizer: dict[str, Any]) -> Iterator[str]:
    """Yield the trial texts: repeated characters and pairs, with the characters of the tokenizer's own patterns."""
    patterns = [_ESCAPED.sub(_unescaped, pattern) for pattern in _patterns(tokenizer)]
    own = dict.fromkeys(c for pattern in patterns for c in re.sub(r"\\.", "", pattern) if c.isprintable())
    own = dict.fromkeys(list(own)[:_CHARACTERS])
    for character in map(chr, range(32, 127)):
        yield character * _EXPONENTIAL + "\x00"
    characters = list(dict.fromkeys([*_ALWAYS, *own]))
    for character in characters:
        for end in ("", "\n", "\x00", *(f"{last}\x00" for last in own)):
            yield character * _EXPONENTIAL + end
        yield character * _POLYNOMIAL + "\x00"
    for pair in product(characters, repeat=2):
        yield "".join(pair) * (_EXPONENTIAL // 2) + "\x00"
    for first, second in pairwise(characters):
        yield first * _POLYNOMIAL + second * _POLYNOMIAL + "\x00"


def _unescaped(escape: re.Match[str]) -> str:
    """Return the character of an escape with its number; empty if no character has this number."""
    number = int(escape[1] or escape[2], 16)
    return chr(number) if number < 0x110000 else ""


def _patterns(value: Any) -> Iterator[str]:
    """Yield all regular expressions and replaced strings of a tokenizer, without its vocabulary."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("Regex", "String") and isinstance(inner, str):
                yield inner
            elif key not in ("vocab", "merges", "added_tokens"):
                yield from _patterns(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _patterns(inner)


def render_chats(data: bytes, *, special: dict[str, Any], chats: Sequence[list[dict[str, str]]]) -> list[str | None]:
    """Return each conversation as transformers renders it with a chat template; None if the template refuses it.

    :param data: the template, in Jinja.
    :param special: the special tokens that it may use, by name.
    :raises RejectedError: the data are not a template.
    """
    from jinja2 import TemplateError, TemplateSyntaxError
    from transformers.utils.chat_template_utils import render_jinja_template

    template = data.decode()
    found: list[str | None] = []
    for chat in chats:
        try:
            rendered: Any = render_jinja_template([chat], chat_template=template, add_generation_prompt=True, **special)
            found.append(str(rendered[0][0]))
        except TemplateSyntaxError as error:
            raise RejectedError(f"not a template: {error}") from error
        except TemplateError:
            found.append(None)
    return found
