"""Makes HTML elements. All text is escaped, except markup made by this module."""

from __future__ import annotations

from html import escape


class Markup(str):
    """A string of HTML. Joined to another string, it becomes plain text again."""

    __slots__ = ()


def tag(name: str, *children: str, **attributes: object) -> Markup:
    """Return an element. Attributes, and children that are not `Markup`, are escaped.

    `class_` names the attribute class, `stroke_width` stroke-width.
    """
    named = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items())
    return Markup(f"<{name}{named}>{fragment(*children)}</{name}>")


def fragment(*children: str) -> Markup:
    """Return the children joined; those that are not `Markup` are escaped; empty for none."""
    return Markup("".join(child if isinstance(child, Markup) else _text(child) for child in children))


def _text(text: str) -> str:
    # A browser reads a bare carriage return as a line feed, so it is escaped: prompts must be exact.
    return escape(text).replace("\r", "&#13;")
