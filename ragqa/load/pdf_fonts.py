"""The fonts of a PDF: the text for their codes, where pypdf does not know it.

Some fonts do not say which characters their glyphs are. For these, pypdf returns the name of a glyph ("/g17") or the
character whose number is that of the glyph, which reads like text and is none. Here such codes become U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pypdf._codecs import adobe_glyphs
from pypdf.generic import DictionaryObject, StreamObject
from pypdf.generic._font import Font

from ragqa.load.pdf_objects import entry
from ragqa.load.pdf_spaces import set_space

UNDECODABLE = "\ufffd"
_MOST_FONTS = 300
"""The most fonts that are kept for further pages. Some files have their own fonts for each page."""

_CODECS = {
    "GB-EUC": "gb2312", "GBpc-EUC": "gb2312", "GBK-EUC": "gbk", "GBKp-EUC": "gbk", "GBK2K": "gb18030",
    "B5pc": "big5", "HKscs-B5": "big5hkscs", "ETen-B5": "cp950", "ETenms-B5": "cp950",
    "83pv-RKSJ": "cp932", "90ms-RKSJ": "cp932", "90msp-RKSJ": "cp932", "90pv-RKSJ": "cp932",
    "Add-RKSJ": "cp932", "Ext-RKSJ": "cp932", "EUC": "euc_jp",
    "KSC-EUC": "euc_kr", "KSCms-UHC": "cp949", "KSCpc-EUC": "euc_kr",
}  # fmt: skip
"""Python's codec of each predefined CMap (ISO 32000-2, table 116) that is a legacy encoding. CNS-EUC has none."""

_WRITING_MODE = re.compile(r"(?:-HW)?-[HV]\Z")
_OF_UNICODE = re.compile(r"UCS2|UTF16")
_CODE_SPACE = re.compile(rb"begincodespacerange\s{0,99}<([0-9A-Fa-f]{1,8})>")
_HEX = re.compile(r"(?:[0-9A-F]{4})+")


@contextmanager
def own_decoding() -> Iterator[set[str]]:
    """Let pypdf decode fonts as this module does; yield the names of encodings that are not read, filled as it goes."""
    original, unread = Font.__dict__["from_font_resource"], set[str]()
    fonts: dict[
        int, tuple[DictionaryObject, Font]
    ] = {}  # by the id of the resource, which is kept so that no other gets it
    read: Callable[[DictionaryObject], Font] = Font.from_font_resource

    def decoded(resource: DictionaryObject) -> Font:
        if id(resource) in fonts:
            return fonts[id(resource)][1]
        font = read(resource)
        if resource.get("/Subtype") == "/Type0":
            _decode_composite(font, resource, unread)
        else:
            _decode_simple(font)
        set_space(font)
        font.font_descriptor = replace(font.font_descriptor, font_file=None)  # it is large, and not needed any more
        if len(fonts) == _MOST_FONTS:
            del fonts[next(iter(fonts))]
        fonts[id(resource)] = resource, font
        return font

    Font.from_font_resource = staticmethod(decoded)  # type: ignore[method-assign, assignment]
    try:
        yield unread
    finally:
        Font.from_font_resource = original  # type: ignore[method-assign]


def _decode_simple(font: Font) -> None:
    """Replace the names of glyphs by the text that they stand for. pypdf has done so for names that are in its list."""
    if isinstance(font.encoding, dict):
        for code, text in font.encoding.items():
            if len(text) > 1 and text.startswith("/"):
                font.encoding[code] = glyph_text(text[1:])


def glyph_text(name: str) -> str:
    """Return the text of a glyph by its name, such as `f_i` or `one.oldstyle`; U+FFFD where the name tells none.

    The rules are those of the Adobe Glyph List Specification, section 2.
    """
    parts = [_component_text(part) for part in name.partition(".")[0].split("_")]
    return "".join(parts) if all(parts) else UNDECODABLE


def _component_text(name: str) -> str:
    """Return the text of one part of a glyph's name; empty where it tells none."""
    if known := adobe_glyphs.get(f"/{name}"):
        return str(known)
    if name.startswith("uni") and _HEX.fullmatch(name[3:]):
        return bytes.fromhex(name[3:]).decode("utf-16-be", "replace")
    if re.fullmatch(r"u[0-9A-F]{4,6}", name) and int(name[1:], 16) <= 0x10FFFF:
        return chr(int(name[1:], 16))
    return ""


def _decode_composite(font: Font, resource: DictionaryObject, unread: set[str]) -> None:
    """Set how the codes of a composite font are decoded: by its encoding, else by its own map to text.

    :param unread: gets the name of the encoding where it is not read.
    """
    encoding = entry(resource, "/Encoding")
    given = encoding.get("/CMapName") if isinstance(encoding, DictionaryObject) else encoding
    name = given.removeprefix("/") if isinstance(given, str) else ""
    base = _WRITING_MODE.sub("", name)
    to_text = entry(resource, "/ToUnicode")
    if codec := _CODECS.get(base):
        font.encoding, font.character_map = codec, {}
    elif name in ("H", "V"):
        font.encoding, font.character_map = "utf-16-be", _Codes({}, _of_jis)
    elif not _OF_UNICODE.search(base) and not (isinstance(to_text, str) and "Identity" in to_text):
        if isinstance(encoding, StreamObject):
            font.encoding = _width_codec(encoding.get_data())
        if not isinstance(to_text, StreamObject):
            unread.add(name or "without a name")
        font.character_map = _Codes(font.character_map)


class _Codes(dict[Any, Any]):
    """The text for each code of a font, as the character with the number of the code. What is missing is U+FFFD."""

    def __init__(self, known: dict[Any, Any], otherwise: Callable[[str], str] = lambda code: UNDECODABLE) -> None:
        super().__init__(known)
        self._otherwise = otherwise

    def get(self, code: Any, default: Any = None) -> Any:
        """Return the text for a code; the default does not count."""
        return self[code] if code in self else self._otherwise(code)


def _of_jis(code: str) -> str:
    """Return the character of a code of JIS X 0208: two bytes, each 0x80 less than in EUC-JP."""
    return bytes(byte | 0x80 for byte in code.encode("utf-16-be", "surrogatepass")).decode("euc_jp", "replace")


def _width_codec(cmap: bytes) -> str:
    """Return the codec that takes the codes of an embedded CMap apart: they have one byte each, or two."""
    space = _CODE_SPACE.search(cmap)
    return "latin-1" if space and len(space[1]) == 2 else "utf-16-be"
