"""The shapes of a slide -> blocks of lines, one for each shape, in reading order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ragqa.load.alternative import picture
from ragqa.load.drawing import any_chart, chart_lines, is_whole, outline
from ragqa.load.not_read import NotRead
from ragqa.load.ooxml import Package, qn
from ragqa.load.pages import Line
from ragqa.load.pipes import REPEATED_CHARACTERS, table_lines
from ragqa.load.pptx.lists import Inherited, Labels, level_of, placeholder_type
from ragqa.load.pptx.text import first_form, paragraph_lines
from ragqa.load.reading_order import Box, in_reading_order

Block = list[Line]

TITLES = ("title", "ctrTitle")
MARGINS = ("dt", "ftr", "sldNum", "hdr", "sldImg")
"""The types of placeholders that stand around the content: date, footer, number, header, and the slide on its notes."""
_TRANSFORMS = ("p:spPr/a:xfrm", "p:grpSpPr/a:xfrm", "p:xfrm")
_MOST_COLUMNS = 1_000
_PROG_ID_CHARACTERS = 40
_ON = ("1", "true", "on")


class Shapes:
    """Reads the shapes of one part.

    :param part: its name, such as `ppt/slides/slide1.xml`.
    :param passed: the types of placeholders that are passed over; None passes over all placeholders.
    """

    def __init__(
        self, package: Package, part: str, inherited: Inherited, not_read: NotRead, passed: tuple[str, ...] | None
    ) -> None:
        self._package = package
        self._part = part
        self._inherited = inherited
        self._not_read = not_read
        self._passed = passed
        self._readers: dict[str, Callable[[Any], list[Block]]] = {
            qn("p:sp"): self._shape,
            qn("p:grpSp"): self._group,
            qn("p:graphicFrame"): self._frame,
            qn("p:pic"): self._picture,
            qn("p:contentPart"): lambda _: self._told("drawings in ink"),
        }

    def blocks(self, tree: Any) -> list[Block]:
        """Return the blocks of the shapes in a tree or a group."""
        shapes = [(each, self._box(each)) for each in _children(tree) if not self._is_passed(each)]
        return [block for each in in_reading_order(shapes) for block in self._readers[each.tag](each)]

    def placeholders(self, tree: Any, kinds: tuple[str, ...]) -> Iterator[Any]:
        """Yield the shapes in a tree and its groups that fill placeholders of these types."""
        for each in _children(tree):
            if each.tag == qn("p:grpSp"):
                yield from self.placeholders(each, kinds)
            elif placeholder_type(each) in kinds:
                yield each

    def text(self, shape: Any) -> Block:
        """Return the paragraphs of a shape with their bullets and numbers."""
        labels, lines = Labels(), []
        for paragraph in shape.iterfind(f"{qn('p:txBody')}/{qn('a:p')}"):
            own = paragraph_lines(paragraph, self._not_read)
            if own:
                level = level_of(paragraph)
                label = labels.label(self._inherited.bullet(paragraph, shape), level)
                indent = "  " * level if label else ""
                lines.append(Line(f"{indent}{label} {own[0]}" if label else own[0]))
                lines += [Line(f"{indent}  {each}" if label else each) for each in own[1:]]
        return lines

    def _is_passed(self, shape: Any) -> bool:
        kind = placeholder_type(shape)
        if kind is not None and (self._passed is None or kind in self._passed):
            return True
        named = shape.find(f"./*/{qn('p:cNvPr')}")
        hidden = named is not None and named.get("hidden") in _ON
        if hidden and any((each.text or "").strip() for each in shape.iter(qn("a:t"))):
            self._not_read.add("hidden shapes")
        return hidden

    def _box(self, shape: Any) -> Box | None:
        for each in [shape, *self._inherited.parents(shape)]:
            for path in _TRANSFORMS:
                place = each.find(qn(path))
                if place is not None and (box := _box_of(place)):
                    return box
        return None

    def _told(self, kind: str) -> list[Block]:
        self._not_read.add(kind)
        return []

    def _shape(self, shape: Any) -> list[Block]:
        if shape.find(f"{qn('p:spPr')}/{qn('a:blipFill')}") is None:
            return [self.text(shape)]
        return [*self._shown(shape), self.text(shape)]

    def _group(self, group: Any) -> list[Block]:
        return [[line for block in self.blocks(group) for line in block]]

    def _picture(self, shape: Any) -> list[Block]:
        for name, kind in (("a:videoFile", "videos"), ("a:audioFile", "sounds"), ("a:wavAudioFile", "sounds")):
            if shape.find(f"{qn('p:nvPicPr')}/{qn('p:nvPr')}/{qn(name)}") is not None:
                return self._told(kind)
        return self._shown(shape)

    def _shown(self, shape: Any) -> list[Block]:
        """Count a picture, and return its alternative text."""
        self._not_read.add("pictures")
        about = shape.find(f"./*/{qn('p:cNvPr')}")
        text = picture(about.get("descr")) if about is not None else ""
        return [[Line(text)]] if text else []

    def _frame(self, frame: Any) -> list[Block]:
        """Return the table, chart or diagram of a frame."""
        blocks: list[Block] = []
        for content in frame.iterfind(f"{qn('a:graphic')}/{qn('a:graphicData')}/*"):
            if content.tag == qn("mc:AlternateContent"):
                chosen = first_form(content)
                content = next(iter(chosen), None) if chosen is not None else None
            if content is not None:
                blocks += self._graphic(content)
        return blocks

    def _graphic(self, content: Any) -> list[Block]:
        if content.tag == qn("a:tbl"):
            return [[Line(text) for text in table_lines(list(self._rows(content)))]]
        if content.tag in (qn("c:chart"), qn("cx:chart")):
            return self._chart(content)
        if content.tag == qn("dgm:relIds"):
            return self._diagram(content)
        if content.tag == qn("p:oleObj"):
            return self._told(f"embedded objects ({content.get('progId', '')[:_PROG_ID_CHARACTERS]})")
        return self._told("other objects")

    def _chart(self, content: Any) -> list[Block]:
        root = self._package.xml(self._package.target(self._part, content.get(qn("r:id"))))
        if root is None:
            return self._told("charts")
        chart = any_chart(root)
        if not is_whole(chart):
            self._not_read.add("charts")
        return [[Line(text) for text in chart_lines(chart)]]

    def _diagram(self, content: Any) -> list[Block]:
        root = self._package.xml(self._package.target(self._part, content.get(qn("r:dm"))))
        lines = outline(root) if root is not None else []
        if not lines:
            self._not_read.add("diagrams")
        return [[Line(f"{'  ' * depth}- {text}") for depth, text in lines]]

    def _rows(self, table: Any) -> Iterator[list[str]]:
        """Yield the cells of each row; a short merged cell stands in each place that it covers."""
        above: list[str] = []
        for row in table.iterchildren(qn("a:tr")):
            cells: list[str] = []
            for cell in list(row.iterchildren(qn("a:tc")))[:_MOST_COLUMNS]:
                if cell.get("hMerge") in _ON:
                    text = cells[-1] if cells else ""
                elif cell.get("vMerge") in _ON:
                    text = above[len(cells)] if len(cells) < len(above) else ""
                else:
                    cells.append(self._cell(cell))
                    continue
                cells.append(text if len(text) <= REPEATED_CHARACTERS else "")
            yield cells
            above = cells

    def _cell(self, cell: Any) -> str:
        paragraphs = cell.iterfind(f"{qn('a:txBody')}/{qn('a:p')}")
        return " ".join(line for each in paragraphs for line in paragraph_lines(each, self._not_read))


def _children(tree: Any) -> Iterator[Any]:
    """Yield the shapes of a tree, the first form of those that have several."""
    kinds = tuple(map(qn, ("p:sp", "p:grpSp", "p:graphicFrame", "p:pic", "p:contentPart")))
    for child in tree.iterchildren():
        if child.tag in kinds:
            yield child
        elif child.tag == qn("mc:AlternateContent"):
            chosen = first_form(child)
            yield from (each for each in chosen if each.tag in kinds) if chosen is not None else ()


def _box_of(transform: Any) -> Box | None:
    """Return the place that a transform gives; None where it gives none in whole numbers."""
    offset, extent = transform.find(qn("a:off")), transform.find(qn("a:ext"))
    if offset is None or extent is None:
        return None
    given = [offset.get("x", ""), offset.get("y", ""), extent.get("cx", ""), extent.get("cy", "")]
    if not all(len(each) < 16 and each.removeprefix("-").isdecimal() for each in given):
        return None
    left, top, width, height = map(int, given)
    return Box(left, top, width, height)
