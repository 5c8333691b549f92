"""Columns of a PDF's page whose lines are drawn across the page are read one after the other, and only these."""

from __future__ import annotations

import random

import pytest
from reportlab.pdfgen.canvas import Canvas

from ragqa.load.bounds import Limits
from ragqa.load.pdf import extract
from tests.limits import no_hang
from tests.load.pdfs import raw_pdf
from tests.load.test_pdf_tables import HEADER, ROWS, drawn, found, words

TITLE = "Of the ferry, the keeper of the harbour and the boats that are there in the summer of each year"
FOOTER = ("The harbour paper", "Page 7")


def column(seed: int, lines: int = 20, count: int = 7) -> list[str]:
    """Return the lines of a column of prose, which name the column and the line."""
    return [f"{words(count, 100 * seed + line)} c{seed}l{line}" for line in range(lines)]


def draw_across(canvas: Canvas, *texts: list[str], shift: float = 0.0, top: float = 740.0) -> None:
    """Draw columns: a line of each, then the next line of each."""
    canvas.setFont("Helvetica", 8)
    width = 480 / len(texts)
    for line in range(max(map(len, texts))):
        for number, text in enumerate(texts):
            if line < len(text):
                canvas.drawString(60 + number * width, top - 10 * line - shift * number, text[line])


def order_of(text: str, *parts: str) -> list[str]:
    return sorted(parts, key=text.index)


@pytest.mark.parametrize(("number", "shift"), [(2, 0.0), (3, 0.0), (2, 3.0), (2, 5.0)])
def test_columns_that_are_drawn_line_by_line_are_read_one_after_the_other(number: int, shift: float) -> None:
    texts = [column(seed, count=20 // number - 2) for seed in range(number)]

    def draw(canvas: Canvas) -> None:
        canvas.drawString(60, 790, TITLE)
        draw_across(canvas, *texts, shift=shift)
        canvas.drawString(60, 40, FOOTER[0])
        canvas.drawRightString(520, 40, FOOTER[1])

    expected = [TITLE, *(line for text in texts for line in text), *FOOTER]
    assert drawn(draw).split() == " ".join(expected).split()


def test_what_goes_across_both_columns_parts_them() -> None:
    upper, lower = [column(1), column(2)], [column(3, 8), column(4, 8)]

    def draw(canvas: Canvas) -> None:
        draw_across(canvas, *upper)
        canvas.drawString(60, 520, TITLE)
        draw_across(canvas, *lower, top=500.0)

    expected = [*upper[0], *upper[1], TITLE, *lower[0], *lower[1]]
    assert drawn(draw).split() == " ".join(expected).split()


def test_a_rule_across_both_columns_parts_them() -> None:
    parts = [(column(2 * number, 8), column(2 * number + 1, 8)) for number in range(3)]

    def draw(canvas: Canvas) -> None:
        for number, (left, right) in enumerate(parts):
            draw_across(canvas, left, right, top=740.0 - 90 * number)
            canvas.line(50, 662 - 90 * number, 550, 662 - 90 * number)

    assert drawn(draw).split() == " ".join(line for each in parts for text in each for line in text).split()


def test_a_table_between_the_lines_of_a_column_is_read_there() -> None:
    left, right = column(1, 30), column(2, 30)

    def draw(canvas: Canvas) -> None:
        draw_across(canvas, left[:10], right[:10])
        for line in range(10, 20):
            cells = [HEADER, *ROWS, *ROWS, *ROWS][line - 10]
            for number, cell in enumerate(cells):
                canvas.drawString((60, 130, 170, 210)[number], 740 - 10 * line, cell)
            canvas.drawString(300, 740 - 10 * line, right[line])
        draw_across(canvas, left[20:], right[20:], top=540.0)

    text = drawn(draw)
    assert found(text) == [[HEADER, *[*ROWS, *ROWS, *ROWS][:9]]]
    assert order_of(text, left[9], "| Sea Otter", left[20], right[0], right[29]) == [left[9], "| Sea Otter", left[20], right[0], right[29]]  # fmt: skip


def test_text_of_another_direction_beside_columns_is_kept() -> None:
    left, right = column(1), column(2)

    def draw(canvas: Canvas) -> None:
        draw_across(canvas, left, right)
        canvas.rotate(90)
        canvas.drawString(200, -30, "Printed by the harbour office")

    assert drawn(draw).split() == " ".join([*left, *right, "Printed by the harbour office"]).split()


def row_by_row(text: str, left: list[str], right: list[str]) -> bool:
    flat = " ".join(text.split())
    return flat == " ".join(f"{first} {second}" for first, second in zip(left, right, strict=True))


@pytest.mark.parametrize("kind", ["names and values", "terms and what they mean", "numbers", "short"])
def test_lines_that_belong_together_stay_together(kind: str) -> None:
    rng = random.Random(5)
    left, right = {
        "names and values": ([f"Boat of the year {n}" for n in range(1980, 2000)], [words(5, n) for n in range(20)]),
        "terms and what they mean": ([words(3, n).capitalize() for n in range(20)], [words(6, n).capitalize() for n in range(20)]),
        "numbers": ([" ".join(str(rng.randrange(9999)) for _ in range(7)) for _ in range(20)] for _ in range(2)),
        "short": ([words(1, n) for n in range(20)], [words(1, n + 50) for n in range(20)]),
    }[kind]  # fmt: skip
    assert row_by_row(drawn(lambda canvas: draw_across(canvas, left, right)), left, right)


def test_columns_that_are_drawn_one_after_the_other_are_read_as_they_are_drawn() -> None:
    left, right = column(1), column(2)

    def draw(canvas: Canvas) -> None:
        draw_across(canvas, left, [])
        draw_across(canvas, [], right)

    assert drawn(draw).split() == " ".join([*left, *right]).split()


def test_a_page_of_short_lines_at_many_places_is_put_in_order_within_bounds_of_time() -> None:
    rng = random.Random(2)
    lines = b"".join(
        b"BT /F0 4 Tf %d %d Td (the ferry runs to the island) Tj ET\n" % (rng.randrange(0, 500), rng.randrange(0, 840))
        for _ in range(3000)
    )
    across = b"".join(
        b"BT /F0 4 Tf %d %d Td (the ferry runs) Tj ET\n" % (10 + 40 * (n % 14), 830 - 4 * (n // 14))
        for n in range(2800)
    )
    with no_hang(60):
        extract(raw_pdf(lines, across), Limits())
