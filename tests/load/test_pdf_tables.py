"""Tables of a PDF: rows and columns that a person sees are pipe tables, and what is no table stays as it is."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, LongTable, Paragraph, SimpleDocTemplate, Table

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.pdf import extract
from ragqa.markdown import row_cells, tables
from ragqa.records import Extracted
from tests.limits import no_hang
from tests.load.pdfs import raw_pdf

HEADER = ["Vessel", "Length", "Beam", "Built"]
ROWS = [
    ["Sea Otter", "12.5 m", "3.1 m", "1987"],
    ["Curlew", "9.8 m", "2.7 m", "2003"],
    ["Northern Light", "21.0 m", "5.4 m", "1965"],
    ["Puffin", "7.2 m", "2.2 m", "2011"],
]
LINE = (0.5, colors.black)
GRID = ("GRID", (0, 0), (-1, -1), *LINE)
RIGHT = ("ALIGN", (1, 0), (-1, -1), "RIGHT")
PROSE = "The ferry runs to the island every day of the year, and in summer it takes bicycles and carts too."


def read(*flow: Flowable) -> Extracted:
    return extract(written(*flow), Limits())


def written(*flow: Flowable) -> bytes:
    stream = io.BytesIO()
    SimpleDocTemplate(stream, pagesize=A4).build(list(flow))
    return stream.getvalue()


def drawn(draw: Callable[[Canvas], None]) -> str:
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=A4)
    draw(canvas)
    canvas.save()
    return extract(stream.getvalue(), Limits()).text


def paragraph(text: str) -> Paragraph:
    return Paragraph(text, getSampleStyleSheet()["BodyText"])


def found(text: str) -> list[list[list[str]]]:
    """Return the rows of each table of a text, its header first."""
    return [
        [list(row_cells(line)) for line in text[each.start : each.end].strip().split("\n") if "---" not in line]
        for each in tables(text)
    ]


# --- What is a table -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "style",
    [
        [GRID],
        [],
        [RIGHT],
        [RIGHT, ("LINEABOVE", (0, 0), (-1, 0), *LINE), ("LINEBELOW", (0, 0), (-1, 0), *LINE)],
        [("BOX", (0, 0), (-1, -1), *LINE), ("LINEBELOW", (0, 0), (-1, 0), *LINE), ("LINEBEFORE", (1, 0), (-1, -1), *LINE)],
        [("INNERGRID", (0, 0), (-1, -1), *LINE)],
        [("ROWBACKGROUNDS", (0, 0), (-1, -1), [colors.white, colors.lightgrey])],
    ],
    ids=["grid", "no rules", "right-aligned", "rules of the header", "rules between columns", "no outer rules", "colours"],
)  # fmt: skip
def test_a_table_is_read_at_its_place_in_the_text(style: list[Any]) -> None:
    text = read(paragraph(f"Before. {PROSE}"), Table([HEADER, *ROWS], style=style), paragraph(f"After. {PROSE}")).text
    assert found(text) == [[HEADER, *ROWS]]
    assert text.index("Before.") < text.index("| Vessel") < text.index("| Puffin") < text.index("After.")


def test_names_above_several_columns_are_part_of_the_names_of_each() -> None:
    data = [["Route", "Fares", "", "Time"], ["", "adult", "child", ""], ["A", "4.50", "2.00", "20"], ["B", "6.50", "3.00", "45"], ["C", "7.00", "3.50", "50"]]  # fmt: skip
    across = [("SPAN", (1, 0), (2, 0)), ("ALIGN", (1, 0), (2, 0), "CENTER")]
    for style in ([GRID, *across, ("SPAN", (0, 0), (0, 1)), ("SPAN", (3, 0), (3, 1))], across):
        assert found(read(Table(data, style=style)).text) == [[["Route", "Fares adult", "Fares child", "Time"], *data[2:]]]  # fmt: skip


@pytest.mark.parametrize("alignment", ["LEFT", "CENTER"])
def test_names_of_groups_above_the_header_are_part_of_the_names_of_their_columns(alignment: str) -> None:
    groups = ["", "Summer fees", "", "", "Winter fees", ""]
    header = ["Vessel", "Adult", "Child", "Bicycle", "Adult", "Child"]
    rows = [[row[0], str(n), "2.50", "1.10", "3.00", str(n + 9)] for n, row in enumerate(ROWS, start=4)]
    style = [("SPAN", (1, 0), (3, 0)), ("SPAN", (4, 0), (5, 0)), ("ALIGN", (0, 0), (-1, -1), alignment)]
    names = [
        "Vessel",
        *(f"Summer fees {name}" for name in header[1:4]),
        *(f"Winter fees {name}" for name in header[4:]),
    ]
    assert found(read(Table([groups, header, *rows], style=style)).text) == [[names, *rows]]


def test_a_second_table_below_its_title_is_a_table_of_its_own() -> None:
    text = read(Table([HEADER, *ROWS, ["Boats of 2025", "", "", ""], HEADER, *ROWS[:3]])).text
    assert found(text) == [[HEADER, *ROWS], [HEADER, *ROWS[:3]]]
    assert "\n\nBoats of 2025\n\n" in text


def test_the_lines_of_a_cell_are_one_and_its_pipes_are_escaped_and_broken_words_are_joined() -> None:
    data = [["Task", "Cost"], ["Painting\nthe hull", "200"], ["Clean|dry", "80"], ["All main-\ntenance", "15"]]
    text = read(paragraph("The maintenance is done in spring."), Table(data, style=[GRID])).text
    assert found(text) == [[["Task", "Cost"], ["Painting the hull", "200"], ["Clean|dry", "80"], ["All maintenance", "15"]]]  # fmt: skip
    assert "Clean\\|dry" in text


def test_rules_between_rows_keep_the_lines_of_a_row_together() -> None:
    data = [["Task", "Who does it", "Cost"], *([name, paragraph(PROSE), cost] for name, cost in (("Hull", "200"), ("Sails", "80"), ("Oil", "15")))]  # fmt: skip
    rows = found(read(Table(data, style=[("LINEBELOW", (0, 0), (-1, -1), *LINE)], colWidths=[80, 200, 50])).text)[0]
    assert rows == [["Task", "Who does it", "Cost"], *([name, PROSE, cost] for name, cost in (("Hull", "200"), ("Sails", "80"), ("Oil", "15")))]  # fmt: skip


def test_blank_cells_keep_their_columns() -> None:
    data = [HEADER, ["Otter", "", "3.1 m", "1987"], ["Curlew", "9.8 m", "", ""], ["Light", "", "", "1965"], ROWS[3]]
    for style in ([GRID], []):
        assert found(read(Table(data, style=style)).text) == [data]


def test_a_line_that_names_a_group_of_rows_is_a_row() -> None:
    group = "Boats with motors that are for rent by the day"
    data = [["Boat", "Price", "Stock"], ["Otter", "12.50", "3"], ["Tern", "14.50", "5"], [group, "", ""], ["Heron", "140.50", "2"], ["Swan", "99.00", "7"]]  # fmt: skip
    assert found(read(Table(data, style=[])).text) == [data]


def test_a_title_within_the_rules_is_above_the_table() -> None:
    data = [["Boats of the harbour", "", "", ""], HEADER, *ROWS]
    text = read(Table(data, style=[GRID, ("SPAN", (0, 0), (-1, 0))])).text
    assert found(text) == [[HEADER, *ROWS]] and text.lstrip().startswith("Boats of the harbour\n\n| Vessel")


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_table_on_a_turned_page_is_read(turns: int) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.translate(300, 400)
        canvas.rotate(90 * turns)
        Table([HEADER, *ROWS], style=[GRID]).wrapOn(canvas, 400, 400)
        table = Table([HEADER, *ROWS], style=[GRID])
        table.wrapOn(canvas, 400, 400)
        table.drawOn(canvas, -100, -50)

    assert found(drawn(draw)) == [[HEADER, *ROWS]]


def test_a_table_of_a_form_that_is_drawn_with_a_matrix_is_read() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.beginForm("sheet")
        table = Table([HEADER, *ROWS], style=[GRID])
        table.wrapOn(canvas, 400, 400)
        table.drawOn(canvas, 0, 0)
        canvas.endForm()
        canvas.translate(100, 500)
        canvas.doForm("sheet")

    assert found(drawn(draw)) == [[HEADER, *ROWS]]


def test_cells_that_one_operator_shows_are_parted_by_its_moves() -> None:
    rows = [b"[(Boat) -4000 (Price) -4000 (Days)] TJ", b"[(Otter) -3500 (12.50) -3900 (3)] TJ", b"[(Tern) -3900 (9.25) -4500 (14)] TJ", b"[(Swan) -3700 (7.00) -4500 (5)] TJ"]  # fmt: skip
    text = extract(raw_pdf(b"BT /F0 10 Tf 14 TL 72 700 Td " + b" T* ".join(rows) + b" ET"), Limits()).text
    assert found(text) == [[["Boat", "Price", "Days"], ["Otter", "12.50", "3"], ["Tern", "9.25", "14"], ["Swan", "7.00", "5"]]]  # fmt: skip


# --- Tables over several pages ---------------------------------------------------------------------------------------


def boats(first: int, last: int) -> list[list[str]]:
    return [[f"Boat {n}", f"{n}.5 m", f"{n % 7}.1 m", str(1900 + n)] for n in range(first, last)]


@pytest.mark.parametrize("style", [[GRID], []], ids=["ruled", "no rules"])
@pytest.mark.parametrize("repeated", [0, 1])
def test_a_table_over_pages_has_its_header_on_each_of_them_once(style: list[Any], repeated: int) -> None:
    extracted = read(LongTable([HEADER, *boats(1, 90)], repeatRows=repeated, style=style))
    parts = found(extracted.text)
    assert len(parts) == len(extracted.page_starts) == 3
    assert all(part[0] == HEADER for part in parts)
    assert [row for part in parts for row in part[1:]] == boats(1, 90)


def test_pages_begin_after_their_form_feed_and_no_line_is_on_two_pages() -> None:
    extracted = read(LongTable([HEADER, *boats(1, 90)], repeatRows=1))
    assert extracted.text.count("\f") == 2
    for before, start in pairwise(extracted.page_starts):
        assert extracted.text[start - 1] == "\f" and extracted.text[start - 2] == "\n"
        assert extracted.text[before:start].count("| Vessel") == 1


def test_another_table_with_as_many_columns_keeps_its_own_header() -> None:
    other = ["Shed", "Height", "Width", "Since"]
    extracted = read(LongTable([HEADER, *boats(1, 40)]), *[paragraph(PROSE)] * 3, Table([other, *boats(1, 5)]))
    assert [part[0] for part in found(extracted.text)][-1] == other


# --- What is no table ------------------------------------------------------------------------------------------------

WORDS = [
    "the",
    "ferry",
    "harbour",
    "island",
    "boat",
    "sail",
    "rope",
    "anchor",
    "wind",
    "tide",
    "of",
    "and",
    "to",
    "from",
    "a",
    "for",
    "12",
    "1987",
    "summer",
    "keeper",
]


def words(count: int, seed: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def columns(canvas: Canvas, number: int, *, by_rows: bool, justified: bool) -> None:
    width = 460 / number
    places = [(column, line) for line in range(30) for column in range(number)]
    for column, line in places if by_rows else sorted(places):
        parts = words(round(width / 30), 100 * column + line).split()
        free = width - 20 - sum(canvas.stringWidth(part, "Helvetica", 10) for part in parts)
        x = 60 + column * width
        for part in parts if justified else [" ".join(parts)]:
            canvas.drawString(x, 780 - 12 * line, part)
            x += canvas.stringWidth(part, "Helvetica", 10) + min(6.0, max(1.0, free / len(parts)))


def beside(canvas: Canvas, marks: Sequence[str], texts: Sequence[str], ends: Sequence[str] = ()) -> None:
    for line, (mark, text) in enumerate(zip(marks, texts, strict=True)):
        canvas.drawString(60, 780 - 14 * line, mark)
        canvas.drawString(100, 780 - 14 * line, text)
        if ends:
            canvas.drawRightString(500, 780 - 14 * line, ends[line])


TEXTS = [words(4 + n % 5, n) for n in range(20)]
MARKS = {
    "bullets": ["\u2022"] * 20, "numbers": [f"{n}." for n in range(1, 21)], "references": [f"[{n}]" for n in range(1, 21)],
    "line numbers": [str(n) for n in range(1, 21)], "speakers": ["Anna", "Jon"] * 10,
}  # fmt: skip


@pytest.mark.parametrize("marks", MARKS.values(), ids=MARKS)
def test_a_list_is_no_table(marks: list[str]) -> None:
    text = drawn(lambda canvas: beside(canvas, marks, TEXTS))
    assert "|" not in text and all(each in text for each in TEXTS)


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("by_rows", [False, True])
@pytest.mark.parametrize("justified", [False, True])
def test_prose_in_columns_is_no_table(number: int, by_rows: bool, justified: bool) -> None:
    assert "|" not in drawn(lambda canvas: columns(canvas, number, by_rows=by_rows, justified=justified))


@pytest.mark.parametrize("dots", ["", " . . . . . . . . . . . . ."])
def test_a_contents_page_is_no_table(dots: str) -> None:
    sections = [f"{n // 4 + 1}.{n % 4 + 1}" for n in range(20)]
    titles = [" ".join(each.split()[:4]) + dots for each in TEXTS]
    assert "|" not in drawn(lambda canvas: beside(canvas, sections, titles, [str(3 + 2 * n) for n in range(20)]))


def test_a_listing_of_code_is_no_table() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Courier", 9)
        for number in range(15):
            canvas.drawString(60, 780 - 11 * number, f"value = {number * number}")
            canvas.drawString(200, 780 - 11 * number, "12")
            canvas.drawString(260, 780 - 11 * number, f"; line {number}")

    assert "|" not in drawn(draw)


def test_a_form_and_the_lines_of_a_chart_are_no_tables() -> None:
    def form(canvas: Canvas) -> None:
        for number, (left, right) in enumerate([("Name:", "Born:"), ("Street:", "Town:"), ("Phone:", "Mail:")]):
            canvas.rect(60, 780 - 30 * number, 240, 30)
            canvas.rect(300, 780 - 30 * number, 240, 30)
            canvas.drawString(63, 785 - 30 * number, left)
            canvas.drawString(303, 785 - 30 * number, right)

    def chart(canvas: Canvas) -> None:
        for number in range(6):
            canvas.drawRightString(95, 100 + 50 * number, str(20 * number))
            canvas.line(100, 103 + 50 * number, 350, 103 + 50 * number)
            canvas.line(100 + 50 * number, 103, 100 + 50 * number, 353)
            canvas.drawCentredString(100 + 50 * number, 85, str(2000 + number))

    assert "|" not in drawn(form) and "|" not in drawn(chart)


# --- Wild input ------------------------------------------------------------------------------------------------------


def test_operators_with_wrong_operands_leave_the_text_as_it_is_drawn() -> None:
    rows = b"".join(b"BT /F0 12 Tf %d %d Td (%d) Tj ET\n" % (72 + 90 * (n % 3), 700 - 16 * (n // 3), n + 10) for n in range(12))  # fmt: skip
    found_numbers = extract(raw_pdf(rows + b"(a) Tz /X w (b) (c) m 1 l re [1] cm\n"), Limits()).text.split()
    assert [each for each in found_numbers if each.isdigit()] == [str(n + 10) for n in range(12)]


def test_damaged_files_are_read_or_rejected_within_bounds_of_time() -> None:
    valid = bytearray(raw_pdf(b"0.5 w " + b"".join(b"60 %d 300 20 re S 160 %d 100 20 re S BT /F0 9 Tf 65 %d Td (Boat) Tj 100 0 Td [(1) 20 (2)] TJ 100 0 Td (34) Tj ET\n" % (y, y, y + 5) for y in range(500, 660, 20))))  # fmt: skip
    assert len(found(extract(bytes(valid), Limits()).text)[0]) == 8
    rng = random.Random(3)
    for _ in range(200):
        data = bytearray(valid)
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(len(data))
            match rng.randrange(3):
                case 0:
                    data[at] = rng.randrange(256)
                case 1:
                    del data[at : at + rng.randint(1, 20)]
                case _:
                    data[at:at] = rng.randbytes(rng.randint(1, 8))
        try:
            extract(bytes(data), Limits())
        except RejectedError:
            pass
        except Exception as error:  # what pypdf raises for a damaged file is told by the sandbox as a rejection
            assert type(error).__module__.startswith("pypdf")


def test_a_page_with_many_lines_and_rules_is_read_within_bounds_of_time() -> None:
    cells = b"".join(
        b"BT /F0 3 Tf %d %d Td (%d) Tj ET\n" % (10 + 12 * (n % 40), 830 - 4 * (n // 40), n) for n in range(1000)
    )
    rules = b"".join(b"0 %d m 595 %d l S %d 0 m %d 842 l S\n" % (n, n, n, n) for n in range(0, 590, 2))
    with no_hang(60):
        extract(raw_pdf(cells, rules + cells), Limits())
