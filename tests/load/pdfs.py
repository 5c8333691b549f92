"""PDF files made of their objects, for what no library writes."""

from __future__ import annotations

from collections.abc import Sequence

HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"


def raw_pdf(
    *contents: bytes,
    fonts: Sequence[bytes] = (HELVETICA,),
    annotations: Sequence[bytes] = (),
    catalog: bytes = b"",
    info: bytes = b"",
    more: Sequence[bytes] = (),
) -> bytes:
    """Return a PDF with a page for each content stream. The fonts are F0, F1, ...; annotations are on the last page.

    :param annotations: objects, each of which is a dictionary. :param catalog: more entries of the catalog.
    :param info: entries of the file's information. :param more: objects from number 10 on.
    """
    objects = {1: b"<</Type/Catalog/Pages 2 0 R%s>>" % catalog, 3: b"<<%s>>" % info}
    objects |= {10 + number: each for number, each in enumerate(more)}
    objects |= {100 + number: each for number, each in enumerate(fonts)}
    objects |= {200 + number: each for number, each in enumerate(annotations)}
    named = b"".join(b"/F%d %d 0 R" % (number, 100 + number) for number in range(len(fonts)))
    for number, content in enumerate(contents):
        own = b"".join(b" %d 0 R" % (200 + i) for i in range(len(annotations))) if content is contents[-1] else b""
        objects[1000 + 2 * number] = (
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R/Resources<</Font<<%s>>>>/Annots[%s]>>"
            % (1001 + 2 * number, named, own)
        )
        objects[1001 + 2 * number] = stream(content)
    kids = b" ".join(b"%d 0 R" % (1000 + 2 * number) for number in range(len(contents)))
    objects[2] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(contents), kids)
    return _assembled(objects)


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """Return an object that is a stream."""
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(data), entries, data)


def lines(*texts: str, font: int = 0) -> bytes:
    """Return a content stream that draws lines of text below one another."""
    drawn = (
        b"BT /F%d 12 Tf 72 %d Td (%s) Tj ET\n" % (font, 780 - 16 * number, text.encode("cp1252"))
        for number, text in enumerate(texts)
    )
    return b"".join(drawn)


def codes(data: bytes, font: int = 0) -> bytes:
    """Return a content stream that draws a string of codes of a font."""
    return b"BT /F%d 12 Tf 72 400 Td <%s> Tj ET\n" % (font, data.hex().encode())


def composite(encoding: str, to_text: bytes = b"", ordering: str = "Identity") -> bytes:
    """Return a composite font with an encoding, and with a reference to its map to text where there is one."""
    return (
        b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/%s%s/DescendantFonts[<</Type/Font/Subtype/CIDFontType0/BaseFont/X"
        b"/CIDSystemInfo<</Registry(Adobe)/Ordering(%s)/Supplement 2>>/DW 1000>>]>>"
        % (encoding.encode(), b"/ToUnicode %s" % to_text if to_text else b"", ordering.encode())
    )


def _assembled(objects: dict[int, bytes]) -> bytes:
    data, places = b"%PDF-1.7\n", {}
    for number, body in sorted(objects.items()):
        places[number] = len(data)
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%d 1\n%010d 00000 n \n" % (number, place) for number, place in places.items())
    head = b"xref\n0 1\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R/Info 3 0 R>>\n" % (table, max(objects) + 1)
    return data + head + b"startxref\n%d\n%%%%EOF\n" % len(data)
