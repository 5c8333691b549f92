"""The glyphs of a font of a PDF: the text and the width of each."""

from __future__ import annotations

from itertools import pairwise

from pypdf.generic._font import Font

Glyph = tuple[str, float, bool, bool]
"""The text of a glyph, its width in parts of the font's size, whether it is a space, and whether its text is blank."""
_LONGEST_KEPT, _MOST_KEPT = 4, 10_000
"""The most glyphs of a text that is kept for its next use, and the most such texts. Programs that write the gaps
between letters show the same few letters again and again."""


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
        self._known: dict[int | str, Glyph] = {}
        self._shown: dict[bytes | str, tuple[Glyph, ...]] = {}

    def of(self, shown: bytes | str) -> tuple[Glyph, ...]:
        """Return the glyphs that are shown."""
        glyphs = self._shown.get(shown)
        if glyphs is None:
            data = shown.encode("latin-1", "replace") if isinstance(shown, str) else shown
            glyphs = tuple(map(self._of_code, self._codes(data)))
            if len(glyphs) <= _LONGEST_KEPT and len(self._shown) < _MOST_KEPT:
                self._shown[shown] = glyphs
        return glyphs

    def parts(self, shown: bytes | str) -> list[bytes | str]:
        """Return what is shown of each glyph: as many bytes as its code has."""
        encoding = self._font.encoding
        codes = self._codes(shown.encode("latin-1", "replace") if isinstance(shown, str) else shown)
        ends = [0]
        for code in codes:
            size = len(code.encode(encoding, "replace")) if isinstance(code, str) and isinstance(encoding, str) else 1
            ends.append(ends[-1] + size)
        return [shown[begin:end] for begin, end in pairwise(ends)]

    def _of_code(self, code: int | str) -> Glyph:
        if code not in self._known:
            self._known[code] = self._glyph(code)
        return self._known[code]

    def _codes(self, data: bytes) -> bytes | str:
        if not isinstance(self._font.encoding, str):
            return data
        try:
            return data.decode(self._font.encoding, "surrogatepass")
        except UnicodeDecodeError:
            return data.decode(self._font.encoding, "replace")

    def _glyph(self, code: int | str) -> Glyph:
        font = self._font
        char = chr(code) if isinstance(code, int) else code
        text = font.encoding.get(code, char) if isinstance(code, int) and not isinstance(font.encoding, str) else char
        text = font.character_map.get(text, text)
        return text, font.get_text_width(char) / 1000, char == " ", text.isspace()
