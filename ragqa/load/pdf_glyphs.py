"""The glyphs of a font of a PDF: the text and the width of each."""

from __future__ import annotations

from collections.abc import Iterator

from pypdf.generic._font import Font


class Glyphs:
    """The glyphs of a font. Each is looked up once.

    :param name: of the font.
    :param is_monospaced: whether an i is as wide as an m, as in listings of code.
    """

    def __init__(self, font: Font) -> None:
        self.name = font.name
        narrow, wide = font.character_widths.get("i"), font.character_widths.get("m")
        self.is_monospaced = narrow is not None and narrow == wide and len(font.character_widths) > 8
        self._font = font
        self._known: dict[int | str, tuple[str, float, bool]] = {}

    def of(self, shown: bytes | str) -> Iterator[tuple[str, float, bool]]:
        """Yield for each glyph that is shown its text, its width in parts of the font's size, and whether it is a space."""
        data = shown.encode("latin-1", "replace") if isinstance(shown, str) else shown
        for code in self._codes(data):
            if code not in self._known:
                self._known[code] = self._glyph(code)
            yield self._known[code]

    def _codes(self, data: bytes) -> bytes | str:
        if not isinstance(self._font.encoding, str):
            return data
        try:
            return data.decode(self._font.encoding, "surrogatepass")
        except UnicodeDecodeError:
            return data.decode(self._font.encoding, "replace")

    def _glyph(self, code: int | str) -> tuple[str, float, bool]:
        font = self._font
        char = chr(code) if isinstance(code, int) else code
        text = font.encoding.get(code, char) if isinstance(code, int) and not isinstance(font.encoding, str) else char
        return font.character_map.get(text, text), font.get_text_width(char) / 1000, char == " "
