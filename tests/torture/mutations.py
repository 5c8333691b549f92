"""Sound PDF, DOCX and HTML files, and mutated ones made from them.

A mutated file is made from a sound one and its number alone, so one that did harm can be made again:
`mutated(number, seed)`.
"""

from __future__ import annotations

import io
import random
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from html import escape

import docx
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

from tests.load import pdfs
from tests.load.word_files import rich_word_parts

Mutator = Callable[[random.Random, bytes], bytes]
Parts = dict[str, bytes]


def sentences(topic: str, count: int) -> list[str]:
    """Return sentences about a topic, each of them different."""
    return [
        f"Note {i}: the {topic} of quay {i % 7} costs {i * 13 + 5} euro a day, and the café opens."
        for i in range(count)
    ]


def drawn_pdf(pages: int, *, compress: bool, font: str = "Helvetica", topic: str = "ferry") -> bytes:
    """Return a PDF of lines of text; a TrueType font brings a map from glyphs to characters with it."""
    if font == "Vera":
        registerFont(TTFont("Vera", "Vera.ttf"))
    stream = io.BytesIO()
    canvas = Canvas(stream, invariant=1, pageCompression=int(compress))
    canvas.setTitle(f"Notes on the {topic}")
    canvas.setAuthor("Ilse Brandt")
    for _ in range(pages):
        canvas.setFont(font, 11)
        for number, line in enumerate(sentences(topic, 20)):
            canvas.drawString(72, 780 - 16 * number, line)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def table_pdf() -> bytes:
    """Return an uncompressed PDF with flowing paragraphs around a table."""
    stream = io.BytesIO()
    style = getSampleStyleSheet()["Normal"]
    rows = [["Rope", "Length", "Cost"], *([f"No. {i}", f"{i * 3} m", f"{i * 7} euro"] for i in range(30))]
    flow = [Paragraph(" ".join(sentences("rope", 9)), style), Table(rows), Paragraph("The end.", style)]
    SimpleDocTemplate(stream, invariant=1, pageCompression=0).build(flow)
    return stream.getvalue()


def packed_pdf(content: bytes, kids: bytes = b"3 0 R") -> bytes:
    """Return a PDF 1.5: its objects lie in an object stream, and a cross-reference stream says where."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[" + kids + b"]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 5 0 R/Resources<</Font<</F1 4 0 R>>>>>>",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    offsets = [sum(len(one) + 1 for one in objects[:i]) for i in range(len(objects))]
    head = b" ".join(b"%d %d" % (i + 1, offset) for i, offset in enumerate(offsets)) + b" "
    out = bytearray(b"%PDF-1.5\n")
    rows = [bytes(7), *(b"\2" + (6).to_bytes(4) + i.to_bytes(2) for i in range(len(objects)))]
    packed = b"/Type/ObjStm/N %d/First %d" % (len(objects), len(head))
    for number, fields, body in ((5, b"", content), (6, packed, head + b" ".join(objects))):
        rows.append(b"\1" + len(out).to_bytes(4) + bytes(2))
        out += _stream_object(number, fields, body)
    start = len(out)
    rows.append(b"\1" + start.to_bytes(4) + bytes(2))
    out += _stream_object(7, b"/Type/XRef/Size 8/W[1 4 2]/Root 1 0 R", b"".join(rows))
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % start


def _stream_object(number: int, fields: bytes, body: bytes) -> bytes:
    body = zlib.compress(body)
    head = b"%d 0 obj\n<<%b/Filter/FlateDecode/Length %d>>\nstream\n" % (number, fields, len(body))
    return head + body + b"\nendstream\nendobj\n"


def form_pdf() -> bytes:
    """Return a PDF with form fields, a comment, page labels and fonts whose codes are decoded by ragqa."""
    widget = b"<</Type/Annot/Subtype/Widget/Rect[9 9 90 20]/F 4"
    fields = [
        widget + b"/FT/Tx/T(name)/TU(Name of the boat)/V(Tern)/Parent<</T(owner)/Kids[200 0 R]>>>>",
        widget + b"/FT/Btn/T(Resident)/V/Yes/AS/Yes>>",
        widget + b"/FT/Ch/T(Quay)/V(2)/Opt[[(1)(North)][(2)(South)]]>>",
        b"<</Type/Annot/Subtype/Text/Contents(The fee is out of date.)/T(Ilse)>>",
    ]
    cmap = b"1 begincodespacerange <0000> <ffff> endcodespacerange 2 beginbfchar <0001> <0046> <0002> <0065> endbfchar"
    names = b"<</Type/Font/Subtype/Type1/BaseFont/X/Encoding<</Differences[1/g7/f_i/n.sc]>>>>"
    fonts = [pdfs.HELVETICA, pdfs.composite("Identity-H", b"10 0 R"), pdfs.composite("KSCms-UHC-H"), names]
    page = pdfs.codes(b"\0\1\0\2\0\3", 1) + pdfs.codes("항구 7".encode("cp949"), 2) + pdfs.codes(b"\1\2\3", 3)
    bold = b"BT /F0 12 Tf 1 0 0 1 72 300 Tm (Fees) Tj 1 0 0 1 72.3 300 Tm (Fees) Tj ET"
    text = ["The harbour board pays the bene-", "ficiary of a state-of-the-", "art crane.", *sentences("mole", 20)]
    catalog = b"/AcroForm<</Fields[200 0 R 201 0 R 202 0 R]>>/PageLabels<</Nums[0<</S/r>>1<</S/D/P(A-)>>]>>"
    pages = [pdfs.lines(*text), page + pdfs.lines(*text) + bold]
    return pdfs.raw_pdf(*pages, fonts=fonts, annotations=fields, catalog=catalog, more=[pdfs.stream(cmap)])


def page_content() -> bytes:
    """Return the drawing commands of a page."""
    lines = (f"1 0 0 1 72 {780 - 16 * i} Tm ({line}) Tj" for i, line in enumerate(sentences("buoy", 20)))
    return ("BT /F1 11 Tf\n" + "\n".join(lines) + "\nET").encode("latin-1")


def made_docx(topic: str = "turbine") -> bytes:
    """Return a DOCX with headings, paragraphs and a table."""
    document = docx.Document()
    document.core_properties.title = f"Minutes on the {topic}"
    document.core_properties.author = "Ada"
    for level in (1, 2, 3):
        document.add_heading(f"The {topic}, part {level}", level)
        for sentence in sentences(topic, 6):
            document.add_paragraph(sentence)
    table = document.add_table(rows=8, cols=3)
    for number, row in enumerate(table.rows):
        for cell in row.cells:
            cell.text = f"{topic} {number}"
    stream = io.BytesIO()
    document.save(stream)
    return zipped(unzipped(stream.getvalue()))


def rich_docx(topic: str) -> bytes:
    """Return a DOCX with numbers, equations, fields, text boxes, merged cells, a chart, notes and comments."""
    parts = {name: content.encode() for name, content in rich_word_parts(topic).items()}
    return zipped(unzipped(made_docx(topic)) | parts)


def made_html(topic: str = "lighthouse", charset: str = "utf-8") -> bytes:
    """Return a page with an article, a table, entities and a declared charset."""
    text = "".join(f"<p>{escape(line)} &amp; more&nbsp;&#8211; &lt;seen&gt;</p>\n" for line in sentences(topic, 12))
    rows = "".join(f"<tr><td>{topic}</td><td>{i}</td><td>{i * 9}&euro;</td></tr>" for i in range(9))
    page = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="{charset}"><title>All on the {topic}</title>'
        f'<meta name="author" content="Bram"><script type="application/ld+json">{{"@type": "Article", '
        f'"headline": "The {topic}"}}</script></head><body><nav><a href="/">Home</a></nav><article>'
        f"<h1>The {topic}</h1>{text}<table><tr><th>What</th><th>No.</th><th>Cost</th></tr>{rows}</table>"
        "</article><footer>About us</footer></body></html>"
    )
    return page.encode(charset, "xmlcharrefreplace")


@cache
def sound_files() -> dict[str, list[bytes]]:
    """Return the files that the mutated ones are made from, by suffix."""
    return {
        "pdf": [
            drawn_pdf(1, compress=False), drawn_pdf(5, compress=True), drawn_pdf(3, compress=False, font="Vera"),
            table_pdf(), packed_pdf(page_content()), form_pdf(), form_pdf(),
        ],
        "docx": [made_docx(), made_docx("sluice"), rich_docx("weir")],
        "html": [made_html(), made_html("beacon"), made_html("harbour", "iso-8859-1"), made_html("mole", "utf-16")],
    }  # fmt: skip


def unzipped(data: bytes) -> Parts:
    """Return the parts of an archive by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts: Parts, twice: str = "") -> bytes:
    """Return an archive whose bytes depend only on its parts; a part may be repeated."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in [*parts, *([twice] if twice else [])]:
            archive.writestr(zipfile.ZipInfo(name), parts[name], zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def flip_bits(rng: random.Random, data: bytes) -> bytes:
    """Flip up to sixty bits."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8, 60)) if data else 0):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(rng: random.Random, data: bytes) -> bytes:
    """Write random bytes over a stretch."""
    low, high = _stretch(rng, data)
    return data[:low] + rng.randbytes(high - low) + data[high:]


def truncate(rng: random.Random, data: bytes) -> bytes:
    """Keep the beginning, or the end."""
    at = rng.randrange(len(data) + 1)
    return data[at:] if rng.random() < 0.2 else data[:at]


def remove(rng: random.Random, data: bytes) -> bytes:
    """Take a stretch out."""
    low, high = _stretch(rng, data)
    return data[:low] + data[high:]


def duplicate(rng: random.Random, data: bytes) -> bytes:
    """Repeat a stretch, sometimes very often."""
    low, high = _stretch(rng, data)
    times = min(rng.choice((2, 3, 1000)), (1 << 20) // max(1, high - low))
    return data[:low] + data[low:high] * times + data[high:]


def swap(rng: random.Random, data: bytes) -> bytes:
    """Let two neighbouring stretches change places."""
    a, b, c = sorted(rng.randrange(len(data) + 1) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def insert(rng: random.Random, data: bytes) -> bytes:
    """Put garbage in: random bytes, NULs, or the beginning of something else."""
    at = rng.randrange(len(data) + 1)
    garbage = rng.choice(
        (rng.randbytes(rng.randrange(1, 3000)), bytes(500), b"%PDF-1.7\n", b"PK\3\4", b"<html>", b"<" * 999)
    )
    return data[:at] + garbage + data[at:]


def splice(rng: random.Random, data: bytes) -> bytes:
    """Join the beginning to the end of another file."""
    other = rng.choice(rng.choice(list(sound_files().values())))
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other)) :]


def _stretch(rng: random.Random, data: bytes) -> tuple[int, int]:
    low = rng.randrange(len(data) + 1)
    return low, min(len(data), low + rng.choice((1, 4, 30, 300, 5000)))


ANY: tuple[Mutator, ...] = (flip_bits, overwrite, truncate, remove, duplicate, swap, insert, splice)


_NUMBER = re.compile(rb"(?<![\w.])\d+(?![\w.])")
_REFERENCE = re.compile(rb"\b\d+ 0 R")
_KEYED = re.compile(rb"/(Length|Count|Size|Prev|First|N|W|Width|FirstChar|LastChar|Rotate)\s*-?[\d.]+")
_HUGE = (b"-1", b"0", b"1", b"65536", b"2147483648", b"99999999999", b"9" * 40, b"-0.5", b"1e9", b"true", b"null")


def numbers(rng: random.Random, data: bytes) -> bytes:
    """Blow up some numbers, those of the cross-reference table among them."""
    return _replaced(rng, data, _NUMBER, lambda found: rng.choice(_HUGE))


def keyed_numbers(rng: random.Random, data: bytes) -> bytes:
    """Blow up lengths and counts, or make them references, to themselves maybe."""
    values = (*_HUGE, b"5 0 R", b"[1 2 3]")
    return _replaced(rng, data, _KEYED, lambda found: b"/" + found.group(1) + b" " + rng.choice(values))


def references(rng: random.Random, data: bytes) -> bytes:
    """Let references name other objects: circles, wrong types, objects that are not there."""
    return _replaced(rng, data, _REFERENCE, lambda found: b"%d 0 R" % rng.choice((*range(1, 12), 9999)))


def circles(rng: random.Random, data: bytes) -> bytes:
    """Let the table of objects, the tree of pages or a page be its own child."""
    start = data.rsplit(b"startxref", 1)[-1].split()[0]
    return rng.choice((
        data.replace(b"trailer\n<<", b"trailer\n<</Prev %b /XRefStm %b" % (start, start)),
        re.sub(rb"/Kids\s*\[", b"/Kids [ %b " % b" ".join(found.group() for found in _REFERENCE.finditer(data)), data),
        re.sub(rb"/Contents\s+\d+ 0 R", b"/Contents [ %b ]" % (b"7 0 R " * 3000), data),
        packed_pdf(page_content(), kids=rng.choice((b"2 0 R", b"3 0 R " * 3000, b"1 0 R 3 0 R", b"6 0 R"))),
    ))  # fmt: skip


def deep_objects(rng: random.Random, data: bytes) -> bytes:
    """Put arrays or dictionaries inside one another, thousands deep."""
    depth = rng.choice((50, 900, 20_000))
    nest = rng.choice((b"[" * depth + b"]" * depth, b"<</A " * depth + b">>" * depth, b"[" * depth, b"(" * depth))
    return re.sub(rb"\bobj\s*<<", lambda found: found.group() + b"/Deep " + nest + b" ", data, count=rng.choice((1, 3)))


def odd_content(rng: random.Random, data: bytes) -> bytes:
    """Give a page commands that no program writes, packed as it should be."""
    many = rng.choice((100, 5_000, 200_000))
    text = page_content()
    more = text.replace(b"Tj", b"Tj " + b"(more) Tj " * (many // 100))
    image = b"BI /W 9999999 /H 99999 /F /Fl ID " + rng.randbytes(999)
    return packed_pdf(rng.choice((
        b"q " * many + text, b"BT " * many + text, b"BT [" + b"[" * many + b"(x)] TJ ET", b"/P " + b"<<" * many + text,
        image + text, more, text + b" " * (many * 300), b"(" * many + text, b"9" * many + b" 0 Td " + text,
        b"/F1 1e308 Tf " + text, b"BT /F9 1 Tf (no such font) Tj ET", numbers(rng, text), flip_bits(rng, text),
        duplicate(rng, text), remove(rng, text),
    )))  # fmt: skip


def _replaced(
    rng: random.Random, data: bytes, pattern: re.Pattern[bytes], new: Callable[[re.Match[bytes]], bytes]
) -> bytes:
    """Replace some of what a pattern finds, from one to all."""
    found = list(pattern.finditer(data))
    chosen = set(rng.sample(range(len(found)), min(len(found), rng.choice((1, 2, 5, len(found))))))
    pieces, end = [], 0
    for number, match in enumerate(found):
        if number in chosen:
            pieces += [data[end : match.start()], new(match)]
            end = match.end()
    return b"".join([*pieces, data[end:]])


_XML_PARTS = (
    "word/document.xml", "word/styles.xml", "[Content_Types].xml", "_rels/.rels", "word/_rels/document.xml.rels",
)  # fmt: skip
_BODY = "word/document.xml"
_NAMES = ("two\nlines", "\x1b[31mred", "\x85\u2028", "n" * 60_000, "..", "\u202e")


def part_bytes(rng: random.Random, data: bytes) -> bytes:
    """Change the bytes of an inflated part, and pack it again as it should be."""
    parts = unzipped(data)
    name = rng.choice((_BODY, _BODY, _BODY, *_XML_PARTS, *sorted(each for each in parts if each.endswith(".xml"))))
    return zipped(parts | {name: rng.choice((*ANY, flip_bits, xml_text))(rng, parts[name])})


def xml_text(rng: random.Random, data: bytes) -> bytes:
    """Change words of XML: elements, attributes, the declaration, references to characters that are none."""
    old, new = rng.choice((
        (b"w:p>", b"w:tbl>"), (b"w:tc>", b"w:tr>"), (b"<w:t>", b"<w:t>&#0;"), (b"<w:t>", b"<w:t>&#xD800;"),
        (b"<w:t>", b"<w:t>&nbsp;"), (b"UTF-8", b"UTF-16"), (b"UTF-8", b"no-such"), (b"UTF-8", b"cp037"),
        (b"Heading", b"Heading " * 99), (b"w:val=", b'w:val="" w:val='), (b' Target="', b' Target="../../../'),
        (b' Target="', b' TargetMode="External" Target="file:///'), (b"styles.xml", b"document.xml"),
        (b"rId", b"rId1"), (b"main+xml", b"none"), (b"?>", b'?><!DOCTYPE a [<!ENTITY b "c">]>'),
        (b"turbine", b"\xc2\xa0"), (b"wordprocessingml/2006", b"wordprocessingml/1999"), (b"officeDocument", b"x"),
        (b"<w:body>", b"<w:body/><w:x>"),
    ))  # fmt: skip
    return data.replace(old, new, rng.choice((1, 3, -1)))


def deep_xml(rng: random.Random, data: bytes) -> bytes:
    """Nest paragraphs, tables or content controls, up to a hundred thousand deep; or give one of them many children."""
    depth = rng.choice((20, 100, 250, 1_000, 100_000))
    opened, closed = rng.choice((
        ("<w:p>", "</w:p>"), ("<w:p><w:r>", "</w:r></w:p>"), ("<w:tc>", "</w:tc>"), ("<w:p/>", ""),
        ("<w:tbl><w:tr><w:tc>", "</w:tc></w:tr></w:tbl>"), ("<w:tbl><w:tr><w:tc/></w:tr></w:tbl>", ""),
        ("<w:sdt><w:sdtContent>", "</w:sdtContent></w:sdt>"),
    ))  # fmt: skip
    inner = opened * depth + "<w:p><w:r><w:t>Deep down.</w:t></w:r></w:p>" + closed * depth
    parts = unzipped(data)
    return zipped(parts | {_BODY: parts[_BODY].replace(b"<w:body>", b"<w:body>" + inner.encode())})


def members(rng: random.Random, data: bytes) -> bytes:
    """Drop, double, rename, empty or exchange members of the archive, or add a great many, or a bomb."""
    parts = unzipped(data)
    name, other = rng.choice(_XML_PARTS), rng.choice(list(parts))
    many = dict.fromkeys((f"x/{i}" for i in range(rng.choice((50, 2500)))), b"x")
    return rng.choice((
        lambda: zipped({key: value for key, value in parts.items() if key != name}),
        lambda: zipped(parts, twice=name),
        lambda: zipped({key.replace("word", rng.choice(("Word", "../word", "/word"))): v for key, v in parts.items()}),
        lambda: zipped(parts | {name: b""}),
        lambda: zipped(parts | {name: parts[other], other: parts[name]}),
        lambda: zipped(parts | many),
        lambda: zipped(parts | {f"word/{rng.choice(_NAMES)}.xml": b"<a"}),
        lambda: zipped(parts | {"word/bomb.xml": b"<a>" + b" " * rng.choice((1 << 20, 30 << 20, 70 << 20)) + b"</a>"}),
        lambda: zipped(dict(reversed(parts.items()))),
    ))()  # fmt: skip


def archive_fields(rng: random.Random, data: bytes) -> bytes:
    """Let the headers of the archive lie: flags, method, checksum, sizes, lengths of names, offsets, counts."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 6))):
        mark, offsets = rng.choice((
            (b"PK\3\4", (6, 8, 14, 18, 22, 26, 28)), (b"PK\1\2", (8, 10, 16, 20, 24, 28, 30, 32, 42)),
            (b"PK\5\6", (8, 10, 12, 16, 20)),
        ))  # fmt: skip
        places = [found.start() for found in re.finditer(re.escape(mark), data)]
        at = rng.choice(places) + rng.choice(offsets)
        value = rng.choice((0, 1, 8, 99, 0xFFFF, 0xFFFFFFFF, rng.randrange(1 << 32), len(data)))
        size = 4 if value > 0xFFFF or rng.random() < 0.5 else 2
        changed[at : at + size] = value.to_bytes(4, "little")[:size]
    return bytes(changed)


_CHARSETS = (
    "utf-8", "utf-16", "utf-32", "utf-7", "cp037", "cp1252", "koi8-r", "shift_jis", "gb18030", "big5", "hz",
    "iso-2022-jp", "raw_unicode_escape", "raw_unicode_escape", "unicode_escape", "punycode", "idna", "rot13", "hex",
    "zlib", "undefined", "mbcs", "no-such", "a" * 999,
)  # fmt: skip
_MARKS = (b"", b"", b"", b"", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xff\xfe\0\0")
_REFERENCES = (
    "&#0;", "&#xD800;", "&#x110000;", "&#99999999999999;", "&#1;", "&#11;", "&#x85;", "&#xFFFE;", "&#x202e;",
    "&#xFEFF;", "&#xDC00;&#xD800;", "&nbsp", "&;", "&#", "&#x;", "&noSuchEntity;", "&amp", "&lt", "&" * 999,
    "\\ud800", "\\udfff",
)  # fmt: skip
_TAGS = (
    "div", "b", "p", "table", "table><tr><td", "ul><li", "blockquote", "span", "a href=x", "font", "select",
    "svg", "h1",
)  # fmt: skip
_LD = '<script type="application/ld+json">'
_HEADS = (
    _LD + '{"@type": "Article", "headline": "\\ud800 \\u0000", "author": {"name": "\\udfff"}}</script>',
    _LD + "[" * 50_000 + "</script>", _LD + '{"@type": 1e999, "author": [[]]}</script>',
    '<meta property="og:title" content="&#xD800;&#0;&#1;">', '<link rel="canonical" href="http://[::1">',
    '<meta property="article:published_time" content="99999-99-99T99:99:99">', '<base href="//:99999999">',
    '<meta name="author" content="' + "a b, " * 20_000 + '">', '<meta name="date" content="0000-00-00">',
    "<title>" + "t" * 100_000 + "</title>", "<!--", "<![CDATA[", "<plaintext>", "<script>", "<style>", "<textarea>",
    "<frameset>", '<html xmlns="http://example.org/none">', "<?xml version='1.0' encoding='utf-16'?>",
    "<!DOCTYPE html [<!ENTITY a 'b'><!ENTITY c SYSTEM 'file:///none'>]>&a;&c;",
)  # fmt: skip


def charset(rng: random.Random, data: bytes) -> bytes:
    """Declare one charset and write another; sometimes begin with the wrong byte-order mark."""
    declared, written = (
        rng.choice(_CHARSETS),
        rng.choice(("utf-8", "cp1252", "cp1252", "latin-1", "utf-16-le", "cp037")),
    )
    page = made_html().replace(b'"utf-8"', f'"{declared}"'.encode()).decode()
    page = re.sub("costs|euro|more", lambda found: rng.choice(_REFERENCES), page)
    return rng.choice(_MARKS) + page.encode(written, "xmlcharrefreplace")


def entities(rng: random.Random, data: bytes) -> bytes:
    """Put broken references to characters between and inside words."""
    return _replaced(rng, data, re.compile(rb" "), lambda found: rng.choice(_REFERENCES).encode())


def unclosed(rng: random.Random, data: bytes) -> bytes:
    """Open thousands of elements that are never closed, or close elements that were never opened."""
    tag, times = rng.choice(_TAGS), rng.choice((10, 200, 255, 2_000, 50_000))
    run = rng.choice((f"<{tag}>", f"<{tag}>text ", f"</{tag.split(' ')[0]}>", f"<{tag}></p>")) * times
    at = data.find(b"<p>", rng.randrange(len(data)))
    return data[:at] + run.encode() + data[at:]


def head(rng: random.Random, data: bytes) -> bytes:
    """Put into the head, or anywhere, what a page may say of itself and should not."""
    at = data.find(b"</title>") + 8 if rng.random() < 0.6 else rng.randrange(len(data))
    return data[:at] + rng.choice(_HEADS).encode() + data[at:]


def attributes(rng: random.Random, data: bytes) -> bytes:
    """Give elements a huge attribute, a great many, or one that never ends."""
    many = "".join(f" a{i}=1" for i in range(9_000))
    added = rng.choice((' class="' + "x" * 1_000_000 + '"', " a=1" * 20_000, ' id="', " =", " \0", many))
    return data.replace(b"<p", b"<p" + added.encode(), rng.choice((1, 2)))


def controls(rng: random.Random, data: bytes) -> bytes:
    """Put control characters and NULs in, few or many."""
    return _replaced(rng, data, re.compile(rb" "), lambda found: bytes([rng.choice((0, 1, 7, 11, 12, 27, 127, 128))]))


OWN: dict[str, tuple[Mutator, ...]] = {
    "pdf": (numbers, keyed_numbers, references, circles, deep_objects, odd_content),
    "docx": (part_bytes, part_bytes, deep_xml, members, archive_fields),
    "html": (charset, charset, entities, unclosed, head, attributes, controls),
}

RAW_SHARE = {"pdf": 0.4, "docx": 0.15, "html": 0.3}
"""How often raw bytes are mutated. Hardly any archive passes the first check, its checksums, after that."""


def mutated(number: int, seed: int) -> tuple[str, bytes]:
    """Return the name and the bytes of a mutated file: the same for the same numbers."""
    rng = random.Random(f"{seed}/{number}")
    suffix = list(OWN)[number % len(OWN)]
    data = sound = rng.choice(sound_files()[suffix])
    raw = RAW_SHARE[suffix]
    first = rng.choice(ANY if rng.random() < raw else OWN[suffix])
    while data == sound:
        data = first(rng, sound)
        for _ in range(rng.choice((1, 2)) if rng.random() < raw else 0):
            data = rng.choice(ANY)(rng, data)
    return f"{number:06}-{first.__name__}.{suffix}", data
