"""Books: the chapters in their reading order, with the names of the table of contents; what is not read is told."""

from __future__ import annotations

import pytest

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.epub import extract
from ragqa.records import Extracted
from tests.load.wild_zip import outcomes
from tests.load.word_files import packed

XHTML = "http://www.w3.org/1999/xhtml"
OPS = "http://www.idpf.org/2007/ops"
DC = (
    "<dc:title>Moby Dick</dc:title><dc:creator>Herman Melville</dc:creator><dc:creator>Ida Holm</dc:creator>"
    "<dc:language>en</dc:language><dc:date>1851-10-18T00:00:00Z</dc:date>"
)


def page(body: str) -> str:
    """Return a document of a book."""
    return f'<?xml version="1.0"?><!DOCTYPE html><html xmlns="{XHTML}" xmlns:epub="{OPS}"><head><title/></head><body>{body}</body></html>'


def nav(*links: tuple[str, str]) -> str:
    """Return a table of contents of EPUB 3."""
    items = "".join(f'<li><a href="{link}">{label}</a></li>' for link, label in links)
    return page(
        f'<nav epub:type="landmarks"><ol><li><a href="x">No</a></li></ol></nav><nav epub:type="toc"><ol>{items}</ol></nav>'
    )


def book(
    files: dict[str, str], *, contents: str = "", metadata: str = DC, refs: dict[str, str] | None = None, **more: str
) -> dict[str, str]:
    """Return the files of a book.

    :param files: its documents by name, in their order.
    :param contents: the table of contents, a document or an NCX.
    :param refs: attributes of the entry of a document in the reading order; None leaves it out.
    :param more: other files of the archive; `__` in a name is `/`.
    """
    refs = refs or {}
    kind = "application/xhtml+xml"
    items = "".join(f'<item id="i{n}" href="text/{name}" media-type="{kind}"/>' for n, name in enumerate(files))
    order = "".join(
        f'<itemref idref="i{n}" {refs.get(name, "")}/>' for n, name in enumerate(files) if refs.get(name) != "-"
    )
    ncx = contents.startswith("<ncx")
    if contents:
        items += f'<item id="toc" href="toc" {"" if ncx else "properties=" + chr(34) + "nav" + chr(34)} media-type="{"application/x-dtbncx+xml" if ncx else kind}"/>'
    package = f'<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>{metadata}</metadata><manifest>{items}</manifest><spine toc="toc">{order}</spine></package>'
    made = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>',
        "OPS/book.opf": package,
    }
    made |= {f"OPS/text/{name}": content for name, content in files.items()}
    made |= {"OPS/toc": contents} if contents else {}
    return made | {name.replace("__", "/"): content for name, content in more.items()}


def read(files: dict[str, str], **options: object) -> Extracted:
    return extract(packed(book(files, **options)), Limits())  # type: ignore[arg-type]


def named(found: Extracted, key: str) -> list[tuple[str, object]]:
    """Return the first line at each offset, with what is said of it."""
    return [(found.text[at:].partition("\n")[0], value) for at, value in found.metadata[key]]


def test_chapters_are_read_in_their_order_with_places_and_fields() -> None:
    files = {
        "b.xhtml": page("<h1>Loomings</h1><p>Call me Ishmael.</p>"),
        "a.xhtml": page("<h1>Chapter 2</h1><p>I stuffed a shirt or two.</p>"),
    }
    found = read(files, contents=nav(("text/b.xhtml", "Loomings"), ("text/a.xhtml", "Chapter 2")))
    assert found.text.split("\n") == [
        "Loomings",
        "",
        "Call me Ishmael.",
        "",
        "Chapter 2",
        "",
        "I stuffed a shirt or two.",
    ]
    assert found.title == "Moby Dick"
    assert named(found, "places") == [("Loomings", "chapter Loomings"), ("Chapter 2", "Chapter 2")]
    assert named(found, "headings") == [("Loomings", 1), ("Chapter 2", 1)]
    fields = {name: found.metadata[name] for name in ("author", "language", "date")}
    assert fields == {"author": "Herman Melville; Ida Holm", "language": "en", "date": "1851-10-18"}
    assert "not_read" not in found.metadata


def test_an_entry_inside_a_document_begins_a_place_there() -> None:
    body = '<section id="one"><h2>I</h2><p>First.</p></section><p><a id="mark"/>Second.</p><ul><li id="three">Third.</li></ul>'
    entries = nav(("text/a.xhtml#one", "I"), ("text/a.xhtml#mark", "Interlude"), ("text/a.xhtml#three", "II"))
    found = read({"a.xhtml": page(body)}, contents=entries)
    assert found.text.split("\n") == ["I", "", "First.", "", "Second.", "", "- Third."]
    assert named(found, "places") == [("I", "chapter I"), ("Second.", "chapter Interlude"), ("- Third.", "chapter II")]


def test_a_title_that_is_no_heading_is_one_by_the_table_of_contents_of_an_older_book() -> None:
    def point(label: str, link: str, inner: str = "") -> str:
        return f'<navPoint><navLabel><text>{label}</text></navLabel><content src="{link}"/>{inner}</navPoint>'

    points = point("Part One", "text/a.xhtml", point("The Ship", "text/b%20c.xhtml")) + point(
        "Part Two", "text/d.xhtml", point("The Ship", "text/d.xhtml#x")
    )
    files = {
        "a.xhtml": page("<p>PART ONE</p>"),
        "b c.xhtml": page("<p><b>The Ship</b></p><p>In bed we concocted our plans.</p>"),
        "d.xhtml": page('<p>Part two</p><p id="x">The ship.</p>'),
    }
    found = read(files, contents=f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap>{points}</navMap></ncx>')
    assert named(found, "headings") == [("PART ONE", 1), ("The Ship", 2), ("Part two", 1), ("The ship.", 2)]
    assert named(found, "places") == [
        ("PART ONE", "Part One"), ("The Ship", "Part One, chapter The Ship"), ("Part two", "Part Two"), ("The ship.", "Part Two, chapter The Ship"),
    ]  # fmt: skip


def test_the_highest_headings_are_the_places_of_a_book_without_a_table_of_contents() -> None:
    found = read({"a.xhtml": page("<h2>Loomings</h2><h3>Sea</h3><p>Text.</p>"), "b.xhtml": page("<h2>The Ship</h2>")})
    assert named(found, "places") == [("Loomings", "chapter Loomings"), ("The Ship", "chapter The Ship")]


def test_documents_outside_the_main_order_come_last_and_those_in_no_order_are_told() -> None:
    files = {name: page(f"<p>{name}</p>") for name in ("note", "one", "two", "stray")}
    found = read(files, refs={"note": 'linear="no"', "stray": "-"})
    assert found.text == "one\n\ntwo\n\nnote"
    assert found.metadata["not_read"] == {"documents outside the reading order": 1}


def test_named_characters_closed_elements_and_pages_that_are_no_xml_are_read() -> None:
    broken = '<html><head><title/></head><body><p>Caf&eacute;<a id="x"/> &amp; <b>bread<p>and salt</body>'
    found = read({"a.xhtml": page("<p>Tea&nbsp;&mdash;&nbsp;milk</p><script/><p>sugar</p>"), "b.xhtml": broken})
    assert found.text.split("\n") == ["Tea — milk", "", "sugar", "", "Café & bread", "", "and salt"]


def test_tables_lists_superscripts_and_formulas_are_read_as_in_html() -> None:
    math = '<math xmlns="http://www.w3.org/1998/Math/MathML"><msup><mi>x</mi><mn>2</mn></msup></math>'
    body = f"<table><tr><th>Boat</th><th>Men</th></tr><tr><td>Pequod</td><td>30</td></tr></table><ol><li>10<sup>6</sup></li></ol><p>{math}</p>"
    assert read({"a.xhtml": page(body)}).text.split("\n") == [
        "| Boat | Men |", "|---|---|", "| Pequod | 30 |", "", "1. 10^6", "", "x^2"
    ]  # fmt: skip


def test_pictures_and_missing_documents_are_told() -> None:
    parts = book({"a.xhtml": page('<p>Text.<img src="x.png" alt="A whale"/></p>'), "b.xhtml": ""})
    del parts["OPS/text/b.xhtml"]
    found = extract(packed(parts), Limits())
    assert (found.text, found.metadata["not_read"]) == ("Text. [picture: A whale]", {"pictures": 1, "missing parts": 1})


def encryption(algorithm: str) -> str:
    return f'<encryption xmlns:e="http://www.w3.org/2001/04/xmlenc#"><e:EncryptedData><e:EncryptionMethod Algorithm="{algorithm}"/></e:EncryptedData></encryption>'


TEXT = {"a.xhtml": page("<p>Text.</p>")}


def test_fonts_that_are_made_useless_do_not_make_a_book_unreadable() -> None:
    parts = book(TEXT) | {"META-INF/encryption.xml": encryption("http://www.idpf.org/2008/embedding")}
    assert extract(packed(parts), Limits()).text == "Text."


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (book(TEXT) | {"META-INF/encryption.xml": encryption("http://www.w3.org/2001/04/xmlenc#aes128-cbc")}, "encrypted: the EPUB has DRM"),
        (book(TEXT, metadata='<meta property="rendition:layout">pre-paginated</meta>'), "fixed-layout EPUB"),
        (book(TEXT, metadata='<meta name="fixed-layout" content="true"/>'), "fixed-layout EPUB"),
        (book(TEXT, refs={"a.xhtml": 'properties="rendition:layout-pre-paginated"'}), "fixed-layout EPUB"),
        (book(TEXT) | {"META-INF/com.apple.ibooks.display-options.xml": '<display_options><platform><option name="fixed-layout">true</option></platform></display_options>'}, "fixed-layout EPUB"),
        ({"a.xhtml": "<p/>"}, "no META-INF/container.xml"),
        (book(TEXT) | {"META-INF/container.xml": "<container/>"}, "no package document"),
        (book({"a.xhtml": '<!DOCTYPE html [<!ENTITY a "b">]><html><body>&a;</body></html>'}), "entity"),
        (book({"a.xhtml": page("<img/>")}), r"no text; not read: pictures \(1\)"),
        (book({"a.xhtml": page("")}), "no text: the book has none"),
        (book({"a.xhtml": page("<div>" * 3000 + "x")}), "nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_no_book_or_cannot_be_read_is_rejected_with_the_reason(parts: dict[str, str], reason: str) -> None:
    with pytest.raises(RejectedError, match=reason):
        extract(packed(parts), Limits())


def test_links_that_lead_nowhere_or_out_of_the_archive_are_no_places() -> None:
    entries = nav(
        ("../../etc/passwd", "Out"), ("text/none.xhtml#x", "None"), ("text/a.xhtml#none", "Whole"), ("", "Empty")
    )
    found = read(TEXT, contents=entries)
    assert (found.text, found.metadata["places"]) == ("Text.", [[0, "chapter Whole"]])


def test_a_damaged_book_is_read_or_rejected() -> None:
    files = {
        "a.xhtml": page(
            '<h1 id="one">Loomings</h1><p>Call me&nbsp;Ishmael.<sup>1</sup></p><table><tr><td>a</td><td>b</td></tr></table>'
        ),
        "b.xhtml": page('<p id="two">The Ship</p><ul><li>Oars</li></ul>'),
    }
    entries = nav(("text/a.xhtml#one", "Loomings"), ("text/b.xhtml#two", "The Ship"))
    found = outcomes(extract, packed(book(files, contents=entries)))
    assert min(found["read"], found["rejected"]) > 30
