"""Lists of 1,000 rows, made from a seed, and questions for one cell each.

There are two lists, a price list and a list of courses, with other words in the columns and in the questions.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.table_files import Sheet

SEED = 7
ITEMS = (
    "rowing boat", "sailing dinghy", "anchor chain", "mooring rope", "fender", "marker buoy", "life jacket", "bilge pump",
    "compass", "deck lamp", "boat hook", "outboard motor", "canvas cover", "folding ladder", "winch handle", "tiller",
    "rudder", "hand pump", "flare kit", "fuel tank", "gangway", "kayak", "paddle", "storm sail", "trailer",
)  # fmt: skip
COURSES = (
    "pottery", "drawing", "watercolours", "sewing", "woodwork", "bookbinding", "photography", "singing", "guitar", "piano",
    "choir", "yoga", "swimming", "fencing", "chess", "cooking", "baking", "beekeeping", "gardening", "Spanish", "Italian",
    "Japanese", "bookkeeping", "typing", "first aid",
)  # fmt: skip
TYPES = 40
ASKED: Mapping[str, Sequence[str]] = {
    "Summer price": ("What does a type {type} {item} cost in summer?", "How much is the type {type} {item} in summer?"),
    "Winter price": ("What does a type {type} {item} cost in winter?", "What do I pay in winter for a {item} of type {type}?"),
    "Deposit": ("What is the deposit for a type {type} {item}?", "How much deposit do I pay for the {item}, type {type}?"),
    "In stock": ("How many of the type {type} {item} are in stock?", "What is the stock of the {item} of type {type}?"),
    "Delivery days": ("How many days does delivery of a type {type} {item} take?", "How long is delivery for the type {type} {item}, in days?"),
}  # fmt: skip


ASKED_OF_COURSES: Mapping[str, Sequence[str]] = {
    "Full fee": ("What is the full fee of the {item} course in group {type}?", "How high is the full fee for {item}, group {type}?"),
    "Student fee": ("What do students pay for {item} in group {type}?", "How much is the student fee of group {type} of {item}?"),
    "Materials": ("How much do materials cost for group {type} of {item}?", "What does one pay for materials in {item}, group {type}?"),
    "Places free": ("How many places are free in {item}, group {type}?", "Group {type} of {item}: how many free places are there?"),
    "Evenings": ("How many evenings does {item} take in group {type}?", "Over how many evenings does group {type} of {item} run?"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subject:
    """What a list is about: the names of its columns, in the order of those of the price list, and its words."""

    title: str
    header: tuple[str, ...]
    items: Sequence[str]
    units: Sequence[str]
    asked: Mapping[str, Sequence[str]]


SUBJECTS: Mapping[str, Subject] = {
    "prices": Subject(
        "Price list of the harbour shop",
        ("Code", "Item", "Type", "Unit", "Summer price", "Winter price", "Deposit", "In stock", "Delivery days"),
        ITEMS,
        ("piece", "day", "set"),
        ASKED,
    ),
    "courses": Subject(
        "Programme of the evening school",
        ("Number", "Course", "Group", "Day", "Full fee", "Student fee", "Materials", "Places free", "Evenings"),
        COURSES,
        ("Monday", "Tuesday", "Thursday"),
        ASKED_OF_COURSES,
    ),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A row by its columns' names. The first cell, its code, is in no question and in no other row."""

    subject: Subject
    cells: Mapping[str, float | str]

    @property
    def code(self) -> str:
        return str(self.cells[self.subject.header[0]])

    def shown(self, column: str) -> str:
        """Return a cell as the list shows it."""
        value = self.cells[column]
        return f"{value:,.2f}" if column in self.subject.header[4:7] else str(value)

    def texts(self) -> list[str]:
        """Return all cells as the list shows them."""
        return [self.shown(column) for column in self.subject.header]


@dataclass(frozen=True, slots=True)
class CellQuestion:
    """A question for the cell of a row in a column."""

    text: str
    row: Row
    column: str


def price_list(seed: int = SEED, subject: Subject = SUBJECTS["prices"]) -> list[Row]:
    """Return the rows: every item in every type. No two numbers of a row are equal."""
    rng = random.Random(seed)
    codes = rng.sample(range(10_000, 100_000), len(subject.items) * TYPES)
    rows: list[Row] = []
    for item in subject.items:
        base = rng.choice((12, 45, 160, 700))
        unit = rng.choice(subject.units)
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
            rows.append(Row(subject, dict(zip(subject.header, (code, item, number, unit, *values), strict=True))))
    return rows


def questions(rows: Sequence[Row], count: int, seed: int = SEED) -> list[CellQuestion]:
    """Return questions for cells of different rows, the columns in turn."""
    rng = random.Random(seed + 1)
    asked = []
    for number, row in enumerate(rng.sample(list(rows), count)):
        templates = row.subject.asked
        column = list(templates)[number % len(templates)]
        _, item, kind, *_ = row.cells.values()
        text = rng.choice(templates[column]).format(type=kind, item=item)
        asked.append(CellQuestion(text, row, column))
    return asked


def absent(count: int, seed: int = SEED, subject: Subject = SUBJECTS["prices"]) -> list[str]:
    """Return questions for types that no item has."""
    rng = random.Random(seed + 2)
    columns = list(subject.asked)
    numbers = (rng.randrange(TYPES + 20, 1000) for _ in range(count))
    return [
        rng.choice(subject.asked[columns[n % len(columns)]]).format(type=number, item=rng.choice(subject.items))
        for n, number in enumerate(numbers)
    ]


def sheet(rows: Sequence[Row]) -> Sheet:
    """Return the list as a table."""
    return Sheet(rows[0].subject.header, [row.texts() for row in rows])
