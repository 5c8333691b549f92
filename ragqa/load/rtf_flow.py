"""One flow of text in an RTF, such as the body or a footnote: paragraphs and tables in their order."""

from __future__ import annotations

from dataclasses import dataclass, field

from ragqa.load.docx_runs import Piece, joined
from ragqa.load.html.grid import Cell, Row, is_data, table_lines
from ragqa.load.rtf_words import BULLETS, without_halves


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph or a table. :param level: of a heading, 0 for others."""

    text: str
    level: int = 0


@dataclass(slots=True)
class CellRule:
    """How a cell of a row is merged: `across` with the one before it, `down` with the one above it."""

    across: bool = False
    down: bool = False


@dataclass(slots=True)
class _OpenCell:
    parts: list[str]
    bold: bool


@dataclass(slots=True)
class Flow:
    """Gathers text. The rules of a row may come before or after its cells."""

    blocks: list[Block] = field(default_factory=list)
    parts: list[Piece] = field(default_factory=list)
    mark: list[str] = field(default_factory=list)
    """The number or bullet of the paragraph."""
    plain: bool = False
    """Some text of the paragraph or the cell is not bold."""
    rules: list[CellRule] = field(default_factory=list)
    heads_table: bool = False
    _rule: CellRule = field(default_factory=CellRule)
    _cell: list[str] = field(default_factory=list)
    _cells: list[_OpenCell] = field(default_factory=list)
    _rows: list[Row] = field(default_factory=list)
    _above: dict[int, Cell] = field(default_factory=dict)

    def add(self, text: str, *, bold: bool = False, raised: str = "") -> None:
        """Add some text to the paragraph; `raised` is that of a `Piece`."""
        self.parts.append(Piece(text, raised))
        self.plain = self.plain or (not bold and bool(text.strip()))

    def paragraph(self, level: int = 0, *, in_table: bool = False) -> None:
        """End the paragraph."""
        text = self._taken()
        if in_table:
            self._cell.append(text)
            return
        self._end_table()
        self.plain = False
        self.blocks.append(Block(text.strip("\n"), level if text.strip() else 0))

    def rule_of_row(self, word: str, *, nested: bool) -> None:
        """Obey a control word about the next row, if it is one."""
        if word == "trowd" and not nested:
            self.rules, self.heads_table, self._rule = [], False, CellRule()
        elif word == "trhdr":
            self.heads_table = True
        elif word == "clmrg":
            self._rule.across = True
        elif word == "clvmrg":
            self._rule.down = True
        elif word == "cellx":
            self.rules.append(self._rule)
            self._rule = CellRule()

    def cell(self) -> None:
        """End a cell of a row."""
        self._cell.append(self._taken())
        self._cells.append(_OpenCell(self._cell, not self.plain))
        self._cell, self.plain = [], False

    def row(self) -> None:
        """End a row of a table."""
        cells: list[Cell] = []
        above: dict[int, Cell] = {}
        rules = [*self.rules, *([CellRule()] * len(self._cells))]
        for column, (given, rule) in enumerate(zip(self._cells, rules, strict=False)):
            text = " ".join(" ".join(given.parts).split())
            if rule.across and cells:
                cells[-1].columns += 1
                cells[-1].text = f"{cells[-1].text} {text}".strip()
            elif rule.down and column in self._above:
                above[column] = self._above[column]
                above[column].rows += 1
                above[column].text = f"{above[column].text} {text}".strip()
            else:
                above[column] = Cell(text, header=given.bold and bool(text))
                cells.append(above[column])
        self._cells, self._above = [], above
        self._rows.append(Row(cells, self.heads_table))

    def end(self) -> list[Block]:
        """Return the blocks with text, after the last paragraph has ended."""
        if self._cell or self._cells:
            self.cell()
            self.row()
        self.paragraph()
        return [block for block in self.blocks if block.text.strip()]

    def _taken(self) -> str:
        """Return the text of the paragraph with its mark, and begin the next one."""
        mark = " ".join(without_halves("".join(self.mark)).split())
        text = without_halves(joined(self.parts))
        if mark:
            text = f"{'-' if mark in BULLETS else mark} {text.lstrip()}"
        self.parts, self.mark = [], []
        return text

    def _end_table(self) -> None:
        """Write the rows of a table, if one ends here; cells that arrange a page are paragraphs."""
        rows, self._rows, self._above = self._rows, [], {}
        if is_data(rows, nested=False):
            self.blocks.append(Block("\n".join(line for line, _ in table_lines(rows))))
        else:
            self.blocks += [Block(cell.text) for row in rows for cell in row.cells]
