"""Words of a PDF are apart, and their letters are not, where its spaces are no characters."""

from __future__ import annotations

import pytest

from ragqa.load.bounds import Limits
from ragqa.load.pdf import extract
from tests.load.pdfs import HELVETICA, composite, raw_pdf, stream

SPACELESS = b"<</Type/Font/Subtype/Type1/BaseFont/AAAAAA+X/FirstChar 97/LastChar 122/Widths[%s]>>" % (b"500 " * 26)
LETTERS = "שלוםעוקת"
_CODES = b" ".join(b"<%04x> <%04x>" % (2 + number, ord(char)) for number, char in enumerate(LETTERS))
HEBREW = (
    b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange "
    b"%d beginbfchar <0001> <0020> %s endbfchar endcmap" % (len(LETTERS) + 1, _CODES)
)


def read(content: bytes, *fonts: bytes) -> str:
    return extract(raw_pdf(content, fonts=fonts or (HELVETICA,), more=[stream(HEBREW)]), Limits()).text


def drawn(word: str) -> bytes:
    """Return the codes of a Hebrew word as they are drawn, from left to right."""
    return b"".join(b"%04x" % (1 if char == " " else 2 + LETTERS.index(char)) for char in reversed(word))


def test_the_letters_of_a_spaced_out_line_are_one_word_in_a_font_without_a_space() -> None:
    line = b" -480 ".join(b" -110 ".join(b"(%c)" % char for char in word) for word in (b"model", b"produced", b"best"))
    assert read(b"BT /F0 10 Tf 72 700 Td [%s] TJ ET" % line, SPACELESS).split() == ["model", "produced", "best"]


def test_text_that_is_drawn_to_the_left_of_the_text_before_it_is_another_word() -> None:
    assert read(b"BT /F0 10 Tf 300 700 Td (209) Tj -200 0 Td (Annex) Tj ET").split() == ["209", "Annex"]


@pytest.mark.parametrize("is_parted", [False, True], ids=["one text", "a text for the space"])
def test_a_space_at_the_left_of_a_hebrew_word_is_behind_it(is_parted: bool) -> None:
    first = drawn("שלום ")
    first = b"<%s> 4 <%s>" % (first[:4], first[4:]) if is_parted else b"<%s>" % first
    content = (
        b"BT /F0 10 Tf 1 0 0 1 300 700 Tm (Python) Tj ET BT /F1 10 Tf 1 0 0 1 250 700 Tm [%s] TJ ET "
        b"BT /F1 10 Tf 1 0 0 1 210 700 Tm [<%s>] TJ ET" % (first, drawn("עולם"))
    )
    assert "שלום עולם" in read(content, HELVETICA, composite("Identity-H", b"10 0 R"))
