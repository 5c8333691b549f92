"""OpenDocument texts and presentations: what a person sees is in the text, and what is not read is told."""

from __future__ import annotations

import pytest

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.odf import presentation, text_document
from ragqa.load.sheets import opendocument
from ragqa.records import Extracted
from tests.load.odf_files import NAMESPACES, box, cell, document, flat, frame, h, listed, odp, odt, p, span, table
from tests.load.wild_zip import outcomes
from tests.load.word_files import packed

OUTLINE = (
    '<text:outline-style><text:outline-level-style text:level="1" style:num-format="1" style:num-suffix="."/>'
    '<text:outline-level-style text:level="2" style:num-format="1" text:display-levels="2"/></text:outline-style>'
)
FORMULA = (
    '<math xmlns="http://www.w3.org/1998/Math/MathML"><semantics><mrow><mi>x</mi><mo>=</mo><mfrac><mi>a</mi><mi>b</mi></mfrac>'
    '</mrow><annotation encoding="StarMath 5.0">x = a over b</annotation></semantics></math>'
)
DELETED = f"<text:tracked-changes><text:changed-region><text:deletion>{p('An old fare.')}</text:deletion></text:changed-region></text:tracked-changes>"


def read(body: str, **parts: str) -> Extracted:
    return text_document(odt(body, **parts), Limits())


def text_of(body: str, **parts: str) -> str:
    return read(body, **parts).text


def chart() -> str:
    rows = table(["<table:table-cell/>", "Seats"], ["Tern", "40"], ["Auk", "12"])
    return f"<office:document-content {NAMESPACES}><office:body><office:chart><chart:chart><chart:title>{p('Boats')}</chart:title>{rows}</chart:chart></office:chart></office:body></office:document-content>"


def test_headings_have_their_levels_and_the_numbers_of_the_outline() -> None:
    body = p("The fleet", "P1") + h("Boats") + h("Tern", 2) + p("Fast.") + h("Auk", 2) + h("Fares") + h("Adults", 2)
    found = read(
        body,
        styles=OUTLINE,
        meta="<dc:creator>Ida Holm</dc:creator><dc:date>2024-05-01T10:00:00</dc:date><dc:title>draft.odt</dc:title>",
    )
    assert found.text.split("\n") == [
        "The fleet", "1. Boats", "1.1 Tern", "Fast.", "1.2 Auk", "2. Fares", "2.1 Adults"
    ]  # fmt: skip
    assert [(found.text[at:].split("\n")[0], level) for at, level in found.metadata["headings"]] == [
        ("The fleet", 1), ("1. Boats", 1), ("1.1 Tern", 2), ("1.2 Auk", 2), ("2. Fares", 1), ("2.1 Adults", 2)
    ]  # fmt: skip
    assert found.title == "The fleet"
    assert (found.metadata["author"], found.metadata["modified"]) == ("Ida Holm", "2024-05-01")


def test_items_have_their_numbers_and_lists_go_on_where_the_file_says_so() -> None:
    inner = p("Card") + listed("Visa", p("Cash") + listed("Coins"), style="")
    body = (
        listed("Pay", inner, style="N", more='xml:id="first"')
        + p("A remark.")
        + listed("Board", style="N", more='text:continue-numbering="true"')
        + listed("Again", style="N")
        + listed("Rest", style="B")
        + listed("Later", style="N", more='text:continue-list="first"')
    )
    assert text_of(body).split("\n") == [
        "1. Pay", "2. Card", "  (a) Visa", "  (b) Cash", "    2.b.1 Coins", "A remark.", "3. Board", "1. Again", "- Rest", "4. Later"
    ]  # fmt: skip


def test_a_heading_in_a_list_has_its_number_once_and_no_indent() -> None:
    body = listed(h("Boats") + listed(h("Tern", 2)), style="N")
    found = read(body, styles=OUTLINE)
    assert found.text == "1. Boats\n(a) Tern"
    assert found.metadata["headings"] == [[0, 1], [9, 2]]


def test_a_merged_cell_is_repeated_and_a_table_in_a_cell_is_text() -> None:
    inner = table(["a", "b"], ["c", "d"])
    body = table(
        ["Boat", cell("Seats", columns=2), ""],
        [cell("Tern", rows=2), "40|44", listed("aft", style="B")],
        ["", cell(p("see") + inner), "12"],
    )
    assert text_of(p("Above.") + body).split("\n") == [
        "Above.", "", "| Boat | Seats | Seats |", "|---|---|---|", "| Tern | 40\\|44 | aft |", "| Tern | see a, b; c, d | 12 |"
    ]  # fmt: skip


def test_a_table_of_one_column_is_its_lines() -> None:
    assert text_of(table([cell(h("Note") + p("Wear a vest."))])) == "Note\nWear a vest."


def test_the_reading_of_a_word_stands_behind_it() -> None:
    ruby = "<text:ruby><text:ruby-base>漢字</text:ruby-base><text:ruby-text>かんじ</text:ruby-text></text:ruby>"
    assert text_of(p(f"{ruby}を読む。")) == "漢字(かんじ)を読む。"


def test_superscripts_spaces_breaks_and_the_text_of_links_and_fields_are_read() -> None:
    text = f"10{span('6', 'Based')}<text:s text:c='2'/>seats <text:a>on the\n  Tern</text:a><text:line-break/>on <text:date>1.5.2024</text:date>"
    assert text_of(p(text)) == "10^6  seats on the Tern\non 1.5.2024"


def test_notes_and_comments_come_at_the_end() -> None:
    note = '<text:note text:note-class="footnote"><text:note-citation>1</text:note-citation><text:note-body>{}</text:note-body></text:note>'
    comment = f"<office:annotation><dc:creator>Jon Vik</dc:creator><dc:date>2024-05-01T08:00:00</dc:date>{p('Which boat?')}</office:annotation>"
    body = p(f"Fares rise{note.format(p('Since May.'))} soon{comment}.") + p("Adults pay.")
    assert text_of(body).split("\n") == [
        "Fares rise soon.", "Adults pay.", "", "Footnote 1: Since May.", "", "Comment by Jon Vik (2024-05-01): Which boat?"
    ]  # fmt: skip


def test_headers_and_footers_come_once_without_page_numbers() -> None:
    page = "Page <text:page-number>7</text:page-number>"
    margins = f"<style:master-page><style:header>{p('Tarnwick Ferries')}</style:header><style:footer>{p(page)}</style:footer></style:master-page>"
    assert text_of(p("Fares."), styles=margins * 2) == "Fares.\n\nTarnwick Ferries"


def test_deleted_struck_and_hidden_passages_are_left_out_and_told() -> None:
    hidden = f'<text:section text:display="none">{p("Secret.")}</text:section>'
    found = read(DELETED + p(f"Fares {span('fall', 'Gone')}rise{span(' now', 'Unseen')}.") + hidden)
    assert found.text == "Fares rise."
    assert found.metadata["not_read"] == {"deleted passages": 1, "struck-out text": 1, "hidden passages": 2}


def test_a_flat_file_is_read_as_the_archive_is() -> None:
    body = h("Fares") + p(f"The fare {span('fell', 'Gone')}rose.") + table(["Boat", "Fare"], ["Tern", "4"])
    picture = frame(
        f"<draw:image><office:binary-data>{'QUJD' * 5_000_000}</office:binary-data></draw:image><svg:title>A tern</svg:title>"
    )
    header = f"<office:master-styles><style:master-page><style:header>{p('Tarnwick Ferries')}</style:header></style:master-page></office:master-styles>"
    data = flat(
        body + p(picture) + p(frame(f"<draw:object>{chart()}</draw:object>")),
        styles=header,
        meta="<dc:title>Fares of 2024</dc:title>",
    )
    found = text_document(data, Limits())
    assert (found.title, found.metadata["not_read"]) == ("Fares of 2024", {"pictures": 1, "struck-out text": 1})
    assert found.text.split("\n") == [
        "Fares", "The fare rose.", "", "| Boat | Fare |", "|---|---|", "| Tern | 4 |", "", "[picture: A tern]",
        "Boats", "|  | Seats |", "|---|---|", "| Tern | 40 |", "| Auk | 12 |", "", "Tarnwick Ferries",
    ]  # fmt: skip
    slides = presentation(
        flat(f"<draw:page>{frame(box('One'))}</draw:page><draw:page>{frame(box('Two'))}</draw:page>", "presentation"),
        Limits(),
    )
    assert (slides.text, slides.page_starts) == ("One\n\nTwo", (0, 5))
    sheet = flat(
        f'<table:table table:name="Pond">{table(["Boat", "Fare"], ["Tern", "4"]).removeprefix("<table:table>")}',
        "spreadsheet",
    )
    assert opendocument(sheet, Limits()).text == "Pond\nBoat\tFare\nTern\t4\n"
    for bad in (b"<a/>", data[:2000], b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', b"<" * 5000):
        for read_flat in (text_document, presentation, opendocument):
            with pytest.raises(RejectedError):
                read_flat(bad, Limits())


def test_a_text_box_does_not_cut_its_paragraph_and_pictures_are_told() -> None:
    picture = '<draw:image xlink:href="Pictures/a.png"/>'
    caption = frame(f"<draw:text-box>{p(frame(picture) + 'Figure 1: the Tern')}</draw:text-box>")
    found = read(p(f"The Tern{caption} is fast.") + f"<draw:custom-shape>{p('A sign')}</draw:custom-shape>")
    assert found.text == "The Tern is fast.\nFigure 1: the Tern\nA sign"
    assert found.metadata["not_read"] == {"pictures": 1}


def test_the_alternative_text_of_a_picture_stands_in_its_place() -> None:
    picture = frame(
        '<draw:image xlink:href="Pictures/a.png"/><svg:title>The Tern</svg:title><svg:desc>A boat at its quay</svg:desc>'
    )
    unnamed = frame('<draw:image xlink:href="Pictures/a.png"/><svg:title>a.png</svg:title>')
    found = read(p(f"See{picture}here.{unnamed}") + table(["Boat", "Seats"], [cell(p(picture)), "4"]))
    shown = "[picture: The Tern: A boat at its quay]"
    assert found.text == f"See {shown} here.\n\n| Boat | Seats |\n|---|---|\n| {shown} | 4 |"
    assert found.metadata["not_read"] == {"pictures": 3}


def test_formulas_are_in_their_line_and_charts_are_tables() -> None:
    objects = [frame(f'<draw:object xlink:href="./Object {n}"/><draw:image/>') for n in (1, 2, 3)]
    found = read(
        p(f"So {objects[0]} holds.") + p(objects[1]) + p(objects[2]), **{"Object 1": FORMULA, "Object 2": chart()}
    )
    assert found.text.split("\n") == [
        "So x = a/b holds.",
        "Boats",
        "|  | Seats |",
        "|---|---|",
        "| Tern | 40 |",
        "| Auk | 12 |",
    ]
    assert found.metadata["not_read"] == {"embedded objects": 1, "missing parts": 1}


def test_slides_are_pages_with_titles_shapes_in_order_and_notes() -> None:
    notes = f"<presentation:notes>{frame(box('Speak slowly.'), 'notes')}<draw:page-thumbnail/></presentation:notes>"
    first = frame(box("A yearly report"), "subtitle", (1, 9, 9, 1)) + frame(box("Ferries"), "title", (1, 1, 9, 1))
    columns = [
        frame(box(text), at=at)
        for text, at in {"right": (12, 4, 9, 5), "left": (1, 4, 9, 5), "below": (1, 15, 20, 1)}.items()
    ]
    prompt = frame(box("Click to add"), "outline", more='presentation:placeholder="true"')
    second = (
        f'<draw:page draw:style-name="Out">{frame(box("Fares"), "title")}{"".join(columns)}{prompt}{notes}</draw:page>'
    )
    found = presentation(odp(first, second), Limits())
    assert found.text.split("\n") == [
        "Ferries", "", "A yearly report", "", "Fares", "", "left", "", "right", "", "below", "", "Notes:", "Speak slowly."
    ]  # fmt: skip
    assert found.page_starts == (0, 26)
    assert found.metadata["places"] == [[0, "slide 1"], [26, "slide 2 (hidden)"]]
    assert found.metadata["headings"] == [[0, 1], [26, 2]]
    assert found.title == "Ferries"


def test_tables_groups_footers_and_texts_of_the_master_are_read_once() -> None:
    footer = '<presentation:footer-decl presentation:name="f">Tarnwick Ferries</presentation:footer-decl>'
    master = f'<style:master-page style:name="M">{frame(box("Confidential"))}{frame(box("Click"), "title")}</style:master-page>'
    page = '<draw:page draw:master-page-name="M" presentation:use-footer-name="f">{}</draw:page>'
    shapes = (
        frame(table(["Boat", "Seats"], ["Tern", "40"]), at=(1, 1, 9, 3))
        + f"<draw:g>{frame(box('in'), at=(1, 8, 1, 1))}</draw:g>"
    )
    parts = document(footer + page.format(shapes) + page.format(frame(box("Two"))), "presentation", styles=master)
    assert presentation(packed(parts), Limits()).text.split("\n") == [
        "| Boat | Seats |", "|---|---|", "| Tern | 40 |", "", "in", "", "Tarnwick Ferries", "", "Confidential", "", "Two"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (packed(document(p("A")) | {"META-INF/manifest.xml": f"<manifest:manifest {NAMESPACES}><manifest:encryption-data/></manifest:manifest>", "content.xml": "<\x01"}), "encrypted: load.passwords opens no OpenDocument"),
        (odp(frame(box("A"))), "not an ODT file: its content is presentation"),
        (packed({"a.xml": "<a/>"}), r"no content\.xml"),
        (b"text", "not an ODT file, or a damaged one"),
        (packed(document("") | {"content.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}), "entity"),
        (packed(document("") | {"content.xml": "<office:document"}), r"damaged: content\.xml"),
        (odt(""), "no text: the file has none"),
        (odt(p(frame("<draw:image/>"))), r"no text; not read: pictures \(1\)"),
    ],
)  # fmt: skip
def test_what_is_no_text_document_or_has_no_text_is_rejected_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(RejectedError, match=reason):
        text_document(data, Limits())


def test_too_many_slides_are_rejected() -> None:
    with pytest.raises(RejectedError, match="3 slides; at most 2"):
        presentation(odp("", "", ""), Limits(pages=2))


def test_styles_lists_and_cells_of_any_number_end() -> None:
    circle = "".join(
        f'<style:style style:family="paragraph" style:name="{a}" style:parent-style-name="{b}"/>'
        for a, b in ("xy", "yx")
    )
    wide = '<table:table-cell table:number-columns-repeated="999999" table:number-columns-spanned="999999" table:number-rows-spanned="999999"><text:p>x</text:p></table:table-cell>'
    rows = f"<table:table-row>{wide * 3}</table:table-row>" * 30
    body = p("Text.", "x") + f"<table:table>{rows}</table:table>" + p('<text:s text:c="999999"/>')
    assert text_of(body, styles=circle).startswith("Text.\n\n| x | x |")


def test_a_damaged_document_is_read_or_rejected() -> None:
    comment = f"<office:annotation><dc:creator>Jon</dc:creator>{p('Which?')}</office:annotation>"
    body = (
        DELETED + h("Boats") + listed("Pay", p("Card") + listed("Visa"), style="N") + p(f"10{span('6', 'Up')}{comment}")
        + table(["Boat", cell("Seats", columns=2), ""], [cell("Tern", rows=2), "40", "4"], ["", "12", "2"])
        + p(frame('<draw:object xlink:href="./Object 1"/>') + frame('<draw:object xlink:href="./Object 2"/>'))
    )  # fmt: skip
    found = outcomes(text_document, odt(body, **{"Object 1": FORMULA, "Object 2": chart()}))
    assert min(found["read"], found["rejected"]) > 30


def test_a_damaged_presentation_is_read_or_rejected() -> None:
    shapes = frame(box("Fares"), "title") + frame(box("left"), at=(1, 4, 9, 5)) + f"<draw:g>{frame(box('in'))}</draw:g>"
    notes = f"<presentation:notes>{frame(box('Slowly.'), 'notes')}</presentation:notes>"
    found = outcomes(presentation, odp(shapes + notes, frame(table(["A", "B"], ["1", "2"]))))
    assert min(found["read"], found["rejected"]) > 30


def test_the_fields_of_a_form_show_their_values() -> None:
    fields = (
        '<form:text xml:id="a" form:current-value="LX-2291"/><form:checkbox xml:id="b" form:label="Resident" form:current-state="checked"/>'
        '<form:radio form:id="c" form:label="Owner"/><form:password xml:id="e" form:value="secret"/>'
        '<form:listbox xml:id="d"><form:option form:label="Lund"/><form:option form:label="Velm" form:selected="true"/></form:listbox>'
    )
    drawn = "".join(f'<draw:control draw:control="{name}"/>' for name in "abcde")
    found = text_document(
        odt(f"<office:forms><form:form>{fields}</form:form></office:forms>" + p(f"Licence:{drawn}")), Limits()
    )
    assert found.text.split() == ["Licence:", "LX-2291", "[x]", "Resident", "[", "]", "Owner", "Velm"]
    assert found.metadata["not_read"] == {"controls": 1}
