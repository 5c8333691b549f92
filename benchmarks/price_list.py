"""A price list of 1,000 rows, made from a seed, as a file of five formats, and questions for one cell each."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

SEED = 7
ITEMS = (
    "rowing boat", "sailing dinghy", "anchor chain", "mooring rope", "fender", "marker buoy", "life jacket", "bilge pump",
    "compass", "deck lamp", "boat hook", "outboard motor", "canvas cover", "folding ladder", "winch handle", "tiller",
    "rudder", "hand pump", "flare kit", "fuel tank", "gangway", "kayak", "paddle", "storm sail", "trailer",
)  # fmt: skip
TYPES = 40
HEADER = ("Code", "Item", "Type", "Unit", "Summer price", "Winter price", "Deposit", "In stock", "Delivery days")
TITLE = "Price list of the harbour shop"
PRICES = ("Summer price", "Winter price", "Deposit")
ASKED: Mapping[str, Sequence[str]] = {
    "Summer price": ("What does a type {type} {item} cost in summer?", "How much is the type {type} {item} in summer?"),
    "Winter price": ("What does a type {type} {item} cost in winter?", "What do I pay in winter for a {item} of type {type}?"),
    "Deposit": ("What is the deposit for a type {type} {item}?", "How much deposit do I pay for the {item}, type {type}?"),
    "In stock": ("How many of the type {type} {item} are in stock?", "What is the stock of the {item} of type {type}?"),
    "Delivery days": ("How many days does delivery of a type {type} {item} take?", "How long is delivery for the type {type} {item}, in days?"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A row by its columns' names. Its `Code` is in no question and in no other row."""

    cells: Mapping[str, float | str]

    @property
    def code(self) -> str:
        return str(self.cells["Code"])

    def shown(self, column: str) -> str:
        """Return a cell as the list shows it."""
        value = self.cells[column]
        return f"{value:,.2f}" if column in PRICES else str(value)

    def texts(self) -> list[str]:
        """Return all cells as the list shows them."""
        return [self.shown(column) for column in HEADER]


@dataclass(frozen=True, slots=True)
class CellQuestion:
    """A question for the cell of a row in a column."""

    text: str
    row: Row
    column: str


def price_list(seed: int = SEED) -> list[Row]:
    """Return the rows: every item in every type. No two numbers of a row are equal."""
    rng = random.Random(seed)
    codes = rng.sample(range(10_000, 100_000), len(ITEMS) * TYPES)
    rows: list[Row] = []
    for item in ITEMS:
        base = rng.choice((12, 45, 160, 700))
        unit = rng.choice(("piece", "day", "set"))
        for number in range(1, TYPES + 1):
            while True:
                summer = round(base * (1 + number / 20) * rng.uniform(0.8, 1.2) * 2) / 2
                winter = round(summer * rng.uniform(0.5, 0.9) * 2) / 2
                values = [
                    summer,
                    winter,
                    round(summer * rng.uniform(0.1, 0.3)),
                    rng.randrange(60),
                    rng.randrange(2, 30),
                ]
                if len({*values, number}) == len(values) + 1:
                    break
            code = f"H{codes[len(rows)]}"
            rows.append(Row(dict(zip(HEADER, (code, item, number, unit, *values), strict=True))))
    return rows


def questions(rows: Sequence[Row], count: int, seed: int = SEED) -> list[CellQuestion]:
    """Return questions for cells of different rows, the columns in turn."""
    rng = random.Random(seed + 1)
    columns = list(ASKED)
    asked = []
    for number, row in enumerate(rng.sample(list(rows), count)):
        column = columns[number % len(columns)]
        text = rng.choice(ASKED[column]).format(type=row.cells["Type"], item=row.cells["Item"])
        asked.append(CellQuestion(text, row, column))
    return asked


def absent(count: int, seed: int = SEED) -> list[str]:
    """Return questions for types that no item has."""
    rng = random.Random(seed + 2)
    columns = list(ASKED)
    numbers = (rng.randrange(TYPES + 20, 1000) for _ in range(count))
    return [
        rng.choice(ASKED[columns[n % len(columns)]]).format(type=number, item=rng.choice(ITEMS))
        for n, number in enumerate(numbers)
    ]


def markdown(rows: Sequence[Row]) -> bytes:
    """Return a page with a table with pipes."""
    lines = [HEADER, ["---"] * len(HEADER), *(row.texts() for row in rows)]
    return "\n".join([f"# {TITLE}", "", *(f"| {' | '.join(line)} |" for line in lines), ""]).encode()


def html(rows: Sequence[Row]) -> bytes:
    """Return a page with a table."""

    def line(cells: Sequence[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>\n"

    body = "".join(line(row.texts(), "td") for row in rows)
    table = f"<table>\n<thead>{line(HEADER, 'th')}</thead>\n<tbody>\n{body}</tbody>\n</table>"
    return f"<!doctype html><html><head><title>{TITLE}</title></head><body><h1>{TITLE}</h1>\n{table}</body></html>".encode()


def comma_separated(rows: Sequence[Row]) -> bytes:
    """Return a CSV file."""
    stream = io.StringIO()
    csv.writer(stream).writerows([HEADER, *(row.texts() for row in rows)])
    return stream.getvalue().encode()


def xlsx(rows: Sequence[Row]) -> bytes:
    """Return a workbook; prices are numbers with a format."""
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Prices"
    sheet.append(HEADER)
    for number, row in enumerate(rows, start=2):
        sheet.append([row.cells[column] for column in HEADER])
        for column in PRICES:
            sheet.cell(number, HEADER.index(column) + 1).number_format = "#,##0.00"
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def pdf(rows: Sequence[Row]) -> bytes:
    """Return a document with a table that has its header on every page."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate

    stream = io.BytesIO()
    table = LongTable([list(HEADER), *(row.texts() for row in rows)], repeatRows=1)
    title = Paragraph(TITLE, getSampleStyleSheet()["Title"])
    SimpleDocTemplate(stream, pagesize=A4, title=TITLE).build([title, table])
    return stream.getvalue()


WRITERS: Mapping[str, Callable[[Sequence[Row]], bytes]] = {
    "md": markdown, "html": html, "csv": comma_separated, "xlsx": xlsx, "pdf": pdf,
}  # fmt: skip
"""What writes the list, by the suffix of its file."""
