"""Text of a PDF that an annotation strikes out is left out and counted."""

from __future__ import annotations

from ragqa.load.bounds import Limits
from ragqa.load.pdf import extract
from ragqa.records import Extracted
from tests.load.pdfs import composite, raw_pdf, stream

OLD = b"BT /F0 10 Tf 72 700 Td (The fee is 40 crowns) Tj 0 -20 Td [(A child pays 10) -300 (crowns)] TJ ET"


def quads(*boxes: tuple[int, int, int, int]) -> bytes:
    """Return the corners of boxes, which have a left, a lower, a right and an upper side."""
    return b" ".join(b"%d %d %d %d %d %d %d %d" % (x0, y1, x1, y1, x0, y0, x1, y0) for x0, y0, x1, y1 in boxes)


def strike_out(places: bytes, more: bytes = b"") -> bytes:
    return b"<</Type/Annot/Subtype/StrikeOut/Rect[0 0 9 9]/QuadPoints[%s]%s>>" % (places, more)


def read(content: bytes, *annotations: bytes) -> Extracted:
    return extract(raw_pdf(content, annotations=annotations), Limits())


def test_struck_out_words_are_left_out_and_counted() -> None:
    found = read(OLD, strike_out(quads((120, 698, 134, 708))), strike_out(quads((72, 678, 200, 688))))
    assert found.text.split() == ["The", "fee", "is", "crowns"]
    assert found.metadata["not_read"] == {"struck-out text": 2}


def test_what_is_struck_out_over_two_lines_is_one_passage_and_its_comment_is_read() -> None:
    places = quads((72, 698, 200, 708), (72, 678, 140, 688))
    found = read(OLD, strike_out(places, b"/Contents(too dear)/T(Ada)"))
    assert found.text.split() == ["crowns", "Comment", "by", "Ada:", "too", "dear"]
    assert found.metadata["not_read"] == {"struck-out text": 1}


def test_text_beside_a_strike_out_stays_and_a_hidden_one_strikes_nothing_out() -> None:
    hidden = strike_out(quads((72, 698, 200, 708)), b"/F 2")
    beside = strike_out(quads((72, 640, 200, 650)))
    found = read(OLD, hidden, beside, strike_out(b"1 2 (x) null"))
    assert found.text.split() == read(OLD).text.split() and "not_read" not in found.metadata


def test_struck_out_cells_and_words_of_a_font_with_two_bytes_for_each_glyph_are_left_out() -> None:
    codes = "".join(f"<{number:04x}> <{ord(char):04x}> " for number, char in enumerate("Boat", start=1)).encode()
    to_text = (
        b"begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange 4 beginbfchar %s endbfchar endcmap" % codes
    )
    content = b"BT /F0 10 Tf 72 700 Td <0001000200030004> Tj ET"
    data = raw_pdf(
        content,
        fonts=[composite("Identity-H", b"10 0 R")],
        annotations=[strike_out(quads((82, 698, 101, 708)))],
        more=[stream(to_text)],
    )
    assert extract(data, Limits()).text.split() == ["Bt"]


def test_lines_of_a_font_whose_glyphs_have_bytes_of_different_numbers_stay_beside_one_that_is_struck_out() -> None:
    texts = ["価格はABC円です", "second line XYZ日本", "old price 40", "new price 50"]
    content = b"".join(
        b"BT /F0 10 Tf 72 %d Td <%s> Tj ET\n" % (700 - 20 * number, text.encode("cp932").hex().encode())
        for number, text in enumerate(texts)
    )
    font = composite("90ms-RKSJ-H", ordering="Japan1")
    notes = [strike_out(quads((72, 658, 300, 668))), strike_out(quads((72, 698, 92, 708)))]
    found = extract(raw_pdf(content, fonts=[font], annotations=notes), Limits())
    assert [line.strip() for line in found.text.splitlines()] == [texts[0][2:], texts[1], texts[3]]
    assert found.metadata["not_read"] == {"struck-out text": 2}


def test_a_struck_out_price_of_a_table_is_in_none_of_its_rows() -> None:
    rows = b"".join(
        b"60 %d 300 20 re S 160 %d 100 20 re S BT /F0 9 Tf 65 %d Td (Boat) Tj 100 0 Td (12) Tj 100 0 Td (34) Tj ET\n" % (y, y, y + 5)
        for y in range(500, 660, 20)
    )  # fmt: skip
    text = read(b"0.5 w " + rows, strike_out(quads((262, 503, 280, 514)))).text
    assert text.count("| Boat | 12 | 34 |") == 7 and "| Boat | 12 |  |" in text
