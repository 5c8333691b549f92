"""The tokens of an RTF -> flows of text, with what holds within each group."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.docx_runs import Piece, joined
from ragqa.load.rtf_flow import Flow
from ragqa.load.rtf_shown import DESTINATIONS, Shown
from ragqa.load.rtf_words import (
    CODE_PAGES,
    ENTERED,
    FLOWS,
    INFO,
    SKIPPED,
    SYMBOL_CHARSET,
    SYMBOLS,
    TOKEN,
    WORDS,
    code_page,
    of_charset,
    without_halves,
)
from ragqa.load.symbols import shown

_DEPTH = 1_000  # the deepest nesting of groups that is read
_HEADING = re.compile(r"heading ([1-9])\b", re.IGNORECASE)


@dataclass(slots=True)
class _State:
    """What holds within a group, and ends with it."""

    into: str = "body"
    """Where text goes: a flow, `mark`, a field of the properties, `font`, `style`, `commenter`, or "" for nowhere."""
    skip: int = 1
    font: int = -1
    bold: bool = False
    hidden: str = ""
    """Why text is not read: what it is called in `not_read`."""
    raised: str = ""
    in_table: bool = False
    nested: bool = False
    level: int = 0
    first: bool = False
    """Nothing has come in this group yet."""
    optional: bool = False


@dataclass(slots=True)
class _Font:
    codec: str | None = None
    name: str = ""
    symbols: bool = False


@dataclass(slots=True)
class Reader:
    """Reads a file into its flows, its properties, and the counts of what is not read."""

    data: bytes
    state: _State = field(default_factory=_State)
    groups: list[_State] = field(default_factory=list)
    flows: dict[str, Flow] = field(
        default_factory=lambda: {name: Flow() for name in ("body", "notes", "comments", "margins")}
    )
    info: dict[str, list[str]] = field(default_factory=dict)
    fonts: dict[int, _Font] = field(default_factory=dict)
    styles: dict[int, int] = field(default_factory=dict)
    style: tuple[int, list[str], int] = (0, [], 0)
    codec: str = "cp1252"
    to_skip: int = 0
    waiting: bytearray = field(default_factory=bytearray)
    commenter: list[str] = field(default_factory=list)
    shown: Shown = field(default_factory=Shown)
    not_read: Counter[str] = field(default_factory=Counter)

    def read(self) -> None:
        """Read all tokens."""
        at = 0
        while match := TOKEN.match(self.data, at):
            at = match.end()
            word, number, code, symbol, brace, text = match.groups()
            if text or code:
                self._bytes(text or bytes([int(code, 16)]), is_code=bool(code))
                continue
            if word is None and symbol is None and brace is None:
                continue
            self._flush()
            if brace == b"{":
                self._open()
            elif brace == b"}":
                self._close()
            elif symbol is not None:
                self._symbol(symbol.decode("latin-1"))
            elif word == b"bin":
                at += max(0, int(number or 0))
                self.to_skip = max(0, self.to_skip - 1)
            else:
                self._word(word.decode("ascii"), int(number) if number else None)
        self._flush()
        if self.groups:
            self.not_read["the end of the file"] += 1

    @property
    def flow(self) -> Flow | None:
        return self.flows.get(self.state.into)

    def _open(self) -> None:
        if len(self.groups) >= _DEPTH:
            raise RejectedError(f"nested too deeply: more than {_DEPTH:,} groups")
        self.groups.append(self.state)
        self.state = replace(self.state, first=True, optional=False)
        self.to_skip = 0

    def _close(self) -> None:
        if not self.groups:
            return
        ended, self.state = self.state, self.groups.pop()
        self.to_skip = 0
        if ended.into != self.state.into:
            if ended.into == "style":
                self._end_style()
            elif ended.into in DESTINATIONS:
                self._show(self.shown.end(ended.into))
            elif ended.into in ("notes", "comments", "margins") and (flow := self.flows.get(ended.into)):
                if ended.into == "comments" and flow.parts:
                    by = " ".join(without_halves("".join(self.commenter)).split())
                    flow.parts[:] = [Piece(f"Comment{f' by {by}' if by else ''}: {joined(flow.parts).lstrip()}")]
                    self.commenter.clear()
                flow.paragraph()

    def _show(self, text: str) -> None:
        """Add what a picture or a field shows to the flow in which it is."""
        into = next((each.into for each in (self.state, *reversed(self.groups)) if each.into in self.flows), "")
        if text and into:
            parts = self.flows[into].parts
            self.flows[into].add(f" {text}" if parts and parts[-1].text[-1:].strip() else text)

    def _end_style(self) -> None:
        """Note the level of a style that is one of headings."""
        number, name, level = self.style
        if found := _HEADING.match("".join(name).strip()):
            level = int(found[1])
        if level:
            self.styles[number] = level
        self.style = (0, [], 0)

    def _bytes(self, data: bytes, *, is_code: bool) -> None:
        """Take characters of the code page. Neighbours wait for one another, since a character may have several bytes."""
        if self.to_skip:
            count = 1 if is_code else min(self.to_skip, len(data))
            self.to_skip -= count
            data = data[count:]
        self.state.first = False
        if self.state.into:
            self.waiting += data

    def _flush(self) -> None:
        if not self.waiting:
            return
        font = self.fonts.get(self.state.font)
        if font and font.symbols:
            text = shown(self.waiting.decode("latin-1"), font.name)
        else:
            text = self.waiting.decode((font and font.codec) or self.codec, "replace")
        self.waiting.clear()
        self._text(text)

    def _text(self, text: str) -> None:
        """Add text to where it belongs."""
        into, state = self.state.into, self.state
        if state.hidden and into in self.flows:
            self.not_read[state.hidden] += bool(text.strip())
        elif flow := self.flow:
            flow.add(text, bold=state.bold, raised=state.raised)
        elif into == "mark":
            self.flows["body"].mark.append(text)
        elif into == "font":
            self.fonts[state.font].name += text.partition(";")[0]
        elif into == "style":
            self.style[1].append(text.partition(";")[0])
        elif into in DESTINATIONS:
            self.shown.take(into, text)
        elif into == "commenter":
            self.commenter.append(text)
        elif into.startswith("info:"):
            self.info.setdefault(into[5:], []).append(text)

    def _symbol(self, symbol: str) -> None:
        if symbol == "*":
            self.state.optional = True
        elif symbol in ("\n", "\r", "\r\n"):
            self._word("par", None)
        elif symbol in SYMBOLS:
            self._text(SYMBOLS[symbol])

    def _word(self, word: str, number: int | None) -> None:
        """Obey a control word: the first one of a group may name a destination."""
        if self.to_skip and word != "u":
            self.to_skip -= 1
            return
        first, optional = self.state.first, self.state.optional
        self.state.first = self.state.optional = False
        if (first or optional) and self._destination(word, optional):
            return
        if not self.state.into:
            if word == "result":
                self.state.into = "body"
        elif word == "u" and number is not None:
            self._text(chr(number & 0xFFFF))
            self.to_skip = self.state.skip
        elif word in WORDS:
            self._text(WORDS[word])
        elif word in _CHARACTERS:
            _CHARACTERS[word](self, number)
        elif self.flow is not None:
            self._paragraph_word(word, number)
        elif self.state.into == "formfield":
            self.shown.form[word] = number or 0
        elif word == "s" and self.state.into == "style":
            self.style = (number or 0, *self.style[1:])
        elif word == "outlinelevel" and self.state.into == "style":
            self.style = (*self.style[:2], (number or 0) + 1)

    def _destination(self, word: str, optional: bool) -> bool:
        """Let the text of this group go where its first word says; tell whether the word is a destination."""
        state, into = self.state, self.state.into
        if word in ("pict", "object") and into and into not in DESTINATIONS:
            self.not_read["pictures" if word == "pict" else "embedded objects"] += 1
        if word in SKIPPED or (optional and word not in ENTERED):
            state.into = ""
        elif word in FLOWS and into in self.flows:
            self.state = _State(into=FLOWS[word], skip=state.skip, font=state.font)
        elif word in ("listtext", "pntext") and into == "body":
            state.into = "mark"
        elif word in ("fonttbl", "stylesheet", "info", *DESTINATIONS):
            state.into = word
        elif into == "info":
            state.into = f"info:{INFO[word]}" if word in INFO else ""
        elif into == "stylesheet":
            state.into = "style"
            self.style = (0, [], 0)
            return False
        elif word == "upr":
            state.into = f"upr {into}"
        elif into.startswith("upr "):
            state.into = into[4:] if word == "ud" else ""
        elif word == "atnauthor":
            state.into = "commenter"
        else:
            return word in ENTERED or word.endswith("Pr")
        return True

    def _paragraph_word(self, word: str, number: int | None) -> None:
        state, flow = self.state, self.flow
        assert flow is not None
        if word in ("par", "sect"):
            if state.nested:
                flow.add(" ")
            else:
                flow.paragraph(state.level, in_table=state.in_table)
        elif word == "pard":
            state.in_table = state.nested = False
            state.level = 0
        elif word == "intbl":
            state.in_table = True
        elif word == "itap":
            state.nested = (number or 0) > 1
            state.in_table = (number or 0) > 0
        elif word == "s":
            state.level = self.styles.get(number or 0, 0)
        elif word == "outlinelevel":
            state.level = (number or 0) + 1 if (number or 0) < 9 else 0
        elif word in ("nestcell", "nestrow"):
            flow.add(" | " if word == "nestcell" else "; ")
        elif word == "cell":
            flow.cell()
        elif word == "row":
            flow.row()
        else:
            flow.rule_of_row(word, nested=state.nested)


def _set(name: str, on: Any, off: Any) -> Any:
    """Return what sets a property of characters, or unsets it where the number is 0."""
    return lambda reader, number: setattr(reader.state, name, off if number == 0 else on)


def _by_points(mark: str) -> Any:
    """Return what raises or lowers text by a number of half points; the default is 6."""
    least = 4  # by less, text is adjusted and no script
    return lambda reader, number: setattr(reader.state, "raised", mark if number is None or number >= least else "")


def _plain(reader: Reader, _: int | None) -> None:
    reader.state.bold, reader.state.hidden, reader.state.raised = False, "", ""


def _font(reader: Reader, number: int | None) -> None:
    reader.state.font = number or 0
    if reader.state.into in ("fonttbl", "font"):
        reader.state.into = "font"
        reader.fonts[number or 0] = _Font()


def _charset(reader: Reader, number: int | None) -> None:
    if font := reader.fonts.get(reader.state.font):
        font.symbols = number == SYMBOL_CHARSET
        font.codec = of_charset(number or 0)


def _font_page(reader: Reader, number: int | None) -> None:
    if (font := reader.fonts.get(reader.state.font)) and reader.state.into == "font":
        font.codec = code_page(number or 0) or font.codec


def _page(reader: Reader, number: int | None) -> None:
    reader.codec = code_page(number or 0) or reader.codec


def _codec(codec: str) -> Any:
    """Return what sets the code page of the file."""
    return lambda reader, _: setattr(reader, "codec", codec)


_CHARACTERS: dict[str, Any] = {
    "b": _set("bold", True, False),
    "v": _set("hidden", "hidden passages", ""),
    "deleted": _set("hidden", "deleted passages", ""),
    "strike": _set("hidden", "struck-out text", ""),
    "striked": _set("hidden", "struck-out text", ""),
    "super": _set("raised", "^", ""),
    "sub": _set("raised", "_", ""),
    "nosupersub": _set("raised", "", ""),
    "up": _by_points("^"),
    "dn": _by_points("_"),
    "plain": _plain,
    "f": _font,
    "fcharset": _charset,
    "cpg": _font_page,
    "ansicpg": _page,
    "uc": lambda reader, number: setattr(reader.state, "skip", max(0, min(number or 0, 10))),
    **{word: _codec(codec) for word, codec in CODE_PAGES.items()},
}
"""What control words of characters and of fonts do."""
