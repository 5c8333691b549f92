"""Presentations: what a person sees on the slides is in the text, slide by slide, and what is not read is told."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.pptx import extract
from ragqa.records import Extracted
from tests.load.slide_files import NAMESPACES, deck, frame, group, notes, paragraph, shape, slide, strict
from tests.load.wild_zip import outcomes
from tests.load.word_files import packed

NUMBERS = '<a:buAutoNum type="arabicPeriod"/>'


def read(*slides: str, **parts: str) -> Extracted:
    return extract(packed(deck(*slides, **parts)), Limits())


def text_of(*slides: str, **parts: str) -> str:
    return read(*slides, **parts).text


def saved(deck: object) -> bytes:
    stream = io.BytesIO()
    deck.save(stream)  # type: ignore[attr-defined]
    return stream.getvalue()


def ferry_deck() -> bytes:
    made = Presentation()
    first = made.slides.add_slide(made.slide_layouts[0])
    first.shapes.title.text = "Ferries of Tarnwick"
    first.placeholders[1].text = "A yearly report"
    second = made.slides.add_slide(made.slide_layouts[1])
    second.shapes.title.text = "Fares"
    second.placeholders[1].text = "Adults pay 4 pounds\nChildren ride free"
    second.notes_slide.notes_text_frame.text = "Say that dogs are free too.\nThen pause."
    third = made.slides.add_slide(made.slide_layouts[5])
    third.shapes.title.text = "Passengers"
    rows = third.shapes.add_table(3, 3, Inches(1), Inches(2), Inches(6), Inches(1)).table
    for at, text in {
        (0, 0): "Boat",
        (0, 1): "Seats",
        (1, 0): "Tern",
        (1, 1): "40|44",
        (2, 1): "12",
        (2, 2): "aft",
    }.items():
        rows.cell(*at).text = text
    rows.cell(0, 1).merge(rows.cell(0, 2))
    rows.cell(1, 0).merge(rows.cell(2, 0))
    data: Any = CategoryChartData()  # type: ignore[no-untyped-call]
    data.categories = ["May", "June"]
    data.add_series("Tern", (1200, 1450.5))
    data.add_series("Auk", (800, 910))
    third.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(4), Inches(6), Inches(3), data)
    made.core_properties.author = "Ida Holm"
    return saved(made)


def test_slides_are_pages_with_their_titles_lists_notes_tables_and_charts() -> None:
    found = extract(ferry_deck(), Limits())
    assert found.text.split("\n") == [
        "Ferries of Tarnwick", "", "A yearly report", "",
        "Fares", "", "- Adults pay 4 pounds", "- Children ride free", "", "Notes:", "Say that dogs are free too.", "Then pause.", "",
        "Passengers", "", "| Boat | Seats | Seats |", "|---|---|---|", "| Tern | 40\\|44 |  |", "| Tern | 12 | aft |", "",
        "|  | Tern | Auk |", "|---|---|---|", "| May | 1200 | 800 |", "| June | 1450.5 | 910 |",
    ]  # fmt: skip
    assert found.title == "Ferries of Tarnwick"
    assert found.metadata["author"] == "Ida Holm"
    headings = [(found.text[at:].split("\n")[0], level) for at, level in found.metadata["headings"]]
    assert headings == [("Ferries of Tarnwick", 1), ("Fares", 2), ("Passengers", 2)]
    assert found.metadata["places"] == [
        [at, f"slide {number}"] for number, at in enumerate(found.page_starts, 1)
    ]  # fmt: skip
    assert [found.text[at:].split("\n")[0] for at in found.page_starts] == [
        "Ferries of Tarnwick",
        "Fares",
        "Passengers",
    ]


def test_the_columns_of_a_slide_are_read_one_after_the_other_whatever_order_they_were_drawn_in() -> None:
    boxes = {
        "right body": (500, 300, 400, 300), "left body": (0, 300, 400, 300), "right head": (500, 220, 400, 60),
        "below": (0, 900, 900, 50), "left head": (0, 220, 400, 60),
    }  # fmt: skip
    shapes = "".join(shape(text, at=at) for text, at in boxes.items()) + shape(
        "Title", kind="title", at=(0, 0, 900, 80)
    )
    assert text_of(shapes).split("\n\n") == ["Title", "left head", "left body", "right head", "right body", "below"]


def test_a_group_is_read_as_one_and_in_order_within() -> None:
    inner = group(shape("two", at=(10, 50, 9, 9)), shape("one", at=(10, 10, 9, 9)), at=(0, 100, 400, 80))
    assert text_of(shape("last", at=(0, 300, 9, 9)) + inner).split("\n") == ["one", "two", "", "last"]


def test_a_shape_without_a_place_takes_that_of_its_placeholder_on_the_layout() -> None:
    layout = shape("Click here", kind="body", at=(0, 500, 9, 9)) + shape("Click here", kind="pic", at=(0, 100, 9, 9))
    assert text_of(shape("low", kind="body") + shape("high", kind="pic"), layout=layout, master="") == "high\n\nlow"


def test_bullets_come_from_the_master_and_numbers_count_by_level_and_begin_anew() -> None:
    steps = [
        paragraph("Pay", NUMBERS), paragraph("Card", '<a:buAutoNum type="alphaLcParenR"/>', 1),
        paragraph("Cash", '<a:buAutoNum type="alphaLcParenR"/>', 1), paragraph("Board", NUMBERS),
        paragraph("A remark", "<a:buNone/>"), paragraph("Sit", NUMBERS), paragraph("Rest"),
        paragraph("Late", '<a:buAutoNum type="romanUcPeriod" startAt="4"/>'),
    ]  # fmt: skip
    assert text_of(shape(*steps, kind="")).split("\n") == [
        "1. Pay", "  a) Card", "  b) Cash", "2. Board", "A remark", "1. Sit", "- Rest", "IV. Late"
    ]  # fmt: skip


def test_breaks_superscripts_and_equations_are_text_and_struck_passages_are_told() -> None:
    equation = "<a14:m><m:oMathPara><m:oMath><m:f><m:num><m:r><m:t>a</m:t></m:r></m:num><m:den><m:r><m:t>b</m:t></m:r></m:den></m:f></m:oMath></m:oMathPara></a14:m>"
    power = '<a:p><a:r><a:t>10</a:t></a:r><a:r><a:rPr baseline="30000"/><a:t>6</a:t></a:r><a:br/><a:r><a:t>seats</a:t></a:r></a:p>'
    math = f'<mc:AlternateContent><mc:Choice Requires="a14">{shape(f"<a:p>{equation}</a:p>")}</mc:Choice><mc:Fallback>{shape("picture of it")}</mc:Fallback></mc:AlternateContent>'
    found = read(shape(power, paragraph("gone", look='strike="sngStrike"')) + math)
    assert found.text == "10^6\nseats\n\n\\frac{a}{b}"
    assert found.metadata["not_read"] == {"struck-out text": 1}


def test_the_points_of_a_diagram_are_a_list_in_their_order_and_depth() -> None:
    names = {"1": "Director", "2": "Crew", "3": "Kitchen", "4": "Cook", "0": ""}
    points = "".join(
        f'<dgm:pt modelId="{key}"><dgm:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></dgm:t></dgm:pt>'
        for key, text in names.items()
    )
    links = "".join(
        f'<dgm:cxn srcId="{a}" destId="{b}" srcOrd="{n}"/>'
        for a, b, n in (("0", "1", 0), ("1", "2", 1), ("1", "3", 0), ("3", "4", 0))
    )
    data = (
        f"<dgm:dataModel {NAMESPACES}><dgm:ptLst>{points}</dgm:ptLst><dgm:cxnLst>{links}</dgm:cxnLst></dgm:dataModel>"
    )
    found = text_of(frame('<dgm:relIds r:dm="diagramData"/>'), diagramData=data)
    assert found.split("\n") == ["- Director", "  - Kitchen", "    - Cook", "  - Crew"]


def test_charts_with_labels_of_their_own_for_each_series_are_tables_of_their_own() -> None:
    def series(name: str, xs: tuple[int, ...], ys: tuple[int, ...]) -> str:
        def cached(values: tuple[int, ...]) -> str:
            points = "".join(f'<c:pt idx="{at}"><c:v>{value}</c:v></c:pt>' for at, value in enumerate(values))
            return f"<c:numCache>{points}</c:numCache>"

        return (
            f"<c:ser><c:tx><c:v>{name}</c:v></c:tx><c:xVal>{cached(xs)}</c:xVal><c:yVal>{cached(ys)}</c:yVal></c:ser>"
        )

    root = f"<c:chartSpace {NAMESPACES}>{series('A', (1, 2), (10, 20))}{series('B', (3, 4), (30, 40))}</c:chartSpace>"
    found = text_of(frame('<c:chart r:id="chart"/>'), chart=root)
    assert found.split("\n") == [
        "|  | A |",
        "|---|---|",
        "| 1 | 10 |",
        "| 2 | 20 |",
        "|  | B |",
        "|---|---|",
        "| 3 | 30 |",
        "| 4 | 40 |",
    ]


def test_charts_of_the_newer_kinds_are_read() -> None:
    root = (
        f'<cx:chartSpace {NAMESPACES}><cx:chartData><cx:data id="0"><cx:strDim><cx:lvl><cx:pt idx="0">Fares</cx:pt><cx:pt idx="1">Fuel</cx:pt></cx:lvl></cx:strDim>'
        '<cx:numDim><cx:lvl><cx:pt idx="0">90</cx:pt><cx:pt idx="1">-30</cx:pt></cx:lvl></cx:numDim></cx:data></cx:chartData><cx:chart><cx:title><cx:tx><cx:txData>'
        '<cx:v>Cash</cx:v></cx:txData></cx:tx></cx:title><cx:series><cx:tx><cx:txData><cx:v>Pounds</cx:v></cx:txData></cx:tx><cx:dataId val="0"/></cx:series></cx:chart></cx:chartSpace>'
    )
    found = text_of(frame('<cx:chart r:id="chartEx"/>'), chartEx=root)
    assert found.split("\n") == ["Cash", "|  | Pounds |", "|---|---|", "| Fares | 90 |", "| Fuel | -30 |"]


def test_comments_of_both_kinds_have_their_author_and_day() -> None:
    old = f'<p:cmLst {NAMESPACES}><p:cm authorId="0" dt="2024-05-01T10:00:00"><p:text>Check the fare.</p:text></p:cm></p:cmLst>'
    body = "<p188:txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></p188:txBody>"
    new = (
        f'<p188:cmLst {NAMESPACES}><p188:cm authorId="{{A}}" created="2025-01-02T00:00:00"><p188:replyLst>'
        f'<p188:reply authorId="{{B}}">{body.format("Done.")}</p188:reply></p188:replyLst>{body.format("Which boat?")}</p188:cm></p188:cmLst>'
    )
    assert text_of(shape("Fares"), comments1=old, comments2=new).split("\n") == [
        "Fares", "", "Comment by Ida Holm (2024-05-01): Check the fare.", "Comment by Jon Vik (2025-01-02): Which boat?", "Reply: Done."
    ]  # fmt: skip


def test_a_footer_is_read_once_and_numbers_and_dates_of_slides_are_not() -> None:
    margins = (
        shape("Tarnwick Ferries", kind="ftr")
        + shape('<a:p><a:fld type="slidenum"><a:t>7</a:t></a:fld></a:p>', kind="sldNum")
        + shape('<a:p><a:fld type="datetime1"><a:t>1.2.2024</a:t></a:fld></a:p>', kind="dt")
    )
    layout = shape("Confidential") + shape("Click to add", kind="body")
    found = text_of(shape("One") + margins, shape("Two") + margins, layout=layout)
    assert found == "One\n\nTarnwick Ferries\n\nConfidential\n\nTwo"


def test_hidden_slides_are_read_and_told_and_hidden_shapes_are_counted() -> None:
    found = read(shape("Shown"), slide(shape("Backup") + shape("never", more='hidden="1"'), 'show="0"'))
    assert found.text == "Shown\n\nBackup"
    assert found.metadata["places"] == [[0, "slide 1"], [7, "slide 2 (hidden)"]]
    assert found.metadata["not_read"] == {"hidden shapes": 1}


def test_pictures_films_and_embedded_objects_are_told() -> None:
    picture = '<p:pic><p:nvPicPr><p:cNvPr id="1" name="x" descr="A boat"/><p:cNvPicPr/><p:nvPr>{}</p:nvPr></p:nvPicPr></p:pic>'
    embedded = frame(f'<p:oleObj progId="Excel.Sheet.12">{picture.format("")}</p:oleObj>')
    film = picture.format('<a:videoFile r:link="x"/>')
    found = read(shape("Text") + picture.format("") + film + embedded + frame('<c:chart r:id="none"/>'))
    assert found.text == "Text\n\n[picture: A boat]"
    assert found.metadata["not_read"] == {
        "pictures": 1,
        "videos": 1,
        "embedded objects (Excel.Sheet.12)": 1,
        "charts": 1,
    }


def test_a_slide_without_text_is_a_page_and_a_slide_that_is_missing_is_told() -> None:
    parts = deck(shape("One"), "", shape("Three"), shape("Four"))
    del parts["ppt/slides/slide4.xml"]
    found = extract(packed(parts), Limits())
    assert found.text == "One\n\n\n\nThree\n\n"
    assert (found.page_starts, found.metadata["not_read"]) == ((0, 5, 7, 14), {"missing parts": 1})


def test_notes_are_read_without_the_number_and_the_picture_of_the_slide() -> None:
    part = notes(shape("", kind="sldImg"), shape("Speak slowly.", kind="body"), shape("3", kind="sldNum"))
    assert text_of(shape("Fares"), notesSlide=part) == "Fares\n\nNotes:\nSpeak slowly."


def test_a_strict_file_is_read_as_a_transitional_one() -> None:
    parts = deck(shape("Fares", kind="title") + shape("Pay", kind=""), notesSlide=notes(shape("Slowly.", kind="body")))
    assert extract(strict(parts), Limits()) == extract(packed(parts), Limits())
    assert extract(strict(parts), Limits()).text == "Fares\n\n- Pay\n\nNotes:\nSlowly."


def test_pictures_and_films_do_not_count_for_the_limits_on_archives() -> None:
    parts = deck(shape("Fares")) | {f"ppt/media/film{n}.mp4": "0" * 300_000 for n in range(8)}
    tight = Limits(zip_bytes=1 << 20, zip_ratio=1)
    assert extract(packed(parts), tight).text == "Fares"
    with pytest.raises(RejectedError, match="zip bomb"):
        extract(packed(parts | {"ppt/film.xml": "<a>" + " " * (2 << 20) + "</a>"}), tight)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bytes.fromhex("d0cf11e0a1b11ae1") + "EncryptedPackage".encode("utf-16-le"), "encrypted, and damaged"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + b"PowerPoint Document", r"the old \.ppt format"),
        (b"text", "not a PPTX file"),
        (packed(deck(shape("A")) | {"ppt/presentation.xml": "<document/>"}), "its main part is a document"),
        (packed(deck(shape("A")) | {"_rels/.rels": "<Relationships/>"}), "no presentation part"),
        (packed(deck(shape("")) | {"ppt/slides/slide1.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}), "entity"),
        (packed(deck("<p:sld/>")), "damaged: ppt/slides/slide1.xml"),
        (packed(deck(shape(""))), "no text: the slides have none"),
        (packed(deck("<p:pic><p:nvPicPr/></p:pic>")), r"no text; not read: pictures \(1\)"),
    ],
)
def test_what_is_no_presentation_or_has_no_text_is_rejected_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(RejectedError, match=reason):
        extract(data, Limits())


def test_too_many_slides_are_rejected() -> None:
    with pytest.raises(RejectedError, match="3 slides; at most 2"):
        extract(packed(deck(*map(shape, "abc"))), Limits(pages=2))


def rich() -> bytes:
    """Return a small presentation with every structure that has code of its own."""
    table = (
        "<a:tbl><a:tr><a:tc>{0}</a:tc><a:tc>{0}</a:tc></a:tr><a:tr><a:tc>{0}</a:tc><a:tc vMerge='1'/></a:tr></a:tbl>"
    )
    cell = f"<a:txBody>{paragraph('Boat')}</a:txBody>"
    shapes = (
        shape("Fares", kind="title") + shape(paragraph("Pay", NUMBERS), kind="", at=(0, 1, 2, 3)) + frame(table.format(cell))
        + group(shape("in", at=(0, 0, 9, 9)), at=(5, 5, 9, 9)) + frame('<c:chart r:id="chart"/>') + shape("foot", kind="ftr")
    )  # fmt: skip
    chart = f'<c:chartSpace {NAMESPACES}><c:ser><c:val><c:numCache><c:pt idx="0"><c:v>4.5</c:v></c:pt></c:numCache></c:val></c:ser></c:chartSpace>'
    comment = f'<p:cmLst {NAMESPACES}><p:cm authorId="0" dt="2024"><p:text>Check.</p:text></p:cm></p:cmLst>'
    return packed(
        deck(shapes, shape("Two"), chart=chart, comments=comment, notesSlide=notes(shape("Slowly.", kind="body")))
    )


def test_a_damaged_presentation_is_read_or_rejected() -> None:
    found = outcomes(extract, rich())
    assert min(found["read"], found["rejected"]) > 30


WRAPPERS = [
    shape("<a:p><a:r><a:t>x</a:t></a:r>{}</a:p>").replace("x", "y"), "<p:grpSp>{}</p:grpSp>", "<p:graphicFrame>{}</p:graphicFrame>", "<p:sp>{}</p:sp>", "<a:tbl>{}</a:tbl>",
    "<a:tr>{}</a:tr>", '<a:tc vMerge="1" gridSpan="99999">{}</a:tc>', "<a:graphic><a:graphicData>{}</a:graphicData></a:graphic>", "<mc:AlternateContent>{}</mc:AlternateContent>",
    "<mc:AlternateContent><mc:Choice>{}</mc:Choice></mc:AlternateContent>", "<p:txBody>{}</p:txBody>", '<a:p><a:pPr lvl="x"/>{}</a:p>', '<p:nvSpPr><p:nvPr><p:ph type="title" idx="-1"/></p:nvPr>{}</p:nvSpPr>',
    '<p:spPr><a:xfrm><a:off x="a" y="1"/><a:ext cx="-5" cy="1"/></a:xfrm>{}</p:spPr>', '<p:pic>{}</p:pic>', '<c:chart r:id="slideLayout"/>{}', '<dgm:relIds r:dm="slideLayout"/>{}',
]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.sampled_from(WRAPPERS), max_size=8), max_size=6))
def test_elements_at_any_place_raise_nothing(branches: list[list[str]]) -> None:
    body = shape("First.", kind="title")
    for branch in branches:
        inner = paragraph("inner")
        for wrapper in branch:
            inner = wrapper.replace("{}", inner)
        body += inner
    assert "First." in text_of(body)
