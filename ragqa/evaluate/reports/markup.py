"""HTML elements in which all text is escaped, unless it was made here."""

from __future__ import annotations

from html import escape


class Markup(str):
    """A string that is HTML already. Joined to another string, it is plain text again."""

    __slots__ = ()


def tag(name: str, *children: str, **attributes: object) -> Markup:
    """Return an element. Children that are not `Markup` are text, and are escaped, as attributes are.

    `class_` names the attribute class, `stroke_width` stroke-width.
    """
    named = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items())
    return Markup(f"<{name}{named}>{fragment(*children)}</{name}>")


def fragment(*children: str) -> Markup:
    """Return children one after another, those that are not `Markup` escaped; empty for none."""
    return Markup("".join(child if isinstance(child, Markup) else _text(child) for child in children))


def _text(text: str) -> str:
    # A browser reads a bare carriage return as a line feed; exact prompts must keep theirs.
    return escape(text).replace("\r", "&#13;")
