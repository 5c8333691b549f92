"""An XML document -> paragraphs, headings, lists and tables, by names that DocBook, JATS, TEI, DITA and XHTML use.

An element with none of these in it is one paragraph, so that other vocabularies are read too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lxml import etree, html

from ragqa.load.html.grid import Cell, Row, table_lines
from ragqa.load.html.mathml import linear
from ragqa.records import Extracted


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


PARAGRAPHS = _names("p para simpara ab l lg")
_TITLES = _names("title head h1 h2 h3 h4 h5 h6")
_DOCUMENT_TITLES = ("article-title", "title", "head")
_CAPTIONED = _names(
    "caption figure table informaltable example formalpara note tip warning important caution sidebar fig "
    "blockquote list itemizedlist orderedlist variablelist procedure equation titleStmt"
)
"""The elements whose title is a caption, and no heading."""
_ITEMS = _names("listitem list-item item li step")
_ORDERED = _names("orderedlist ol procedure")
_CODE = _names("programlisting screen literallayout pre codeblock preformat synopsis eg")
_ROWS, _CELLS = _names("tr row strow sthead"), _names("td th entry cell stentry")
_NOTES = _names("footnote fn note")
_PICTURES = _names("graphic imagedata inline-graphic image img media binaryobject video audio")
_FORMULAS = _names("inline-formula disp-formula inlineequation equation informalequation formula")
_HIDDEN = _names("indexterm style script remark draft-comment")
_BLOCKS = (
    PARAGRAPHS
    | _TITLES
    | _ITEMS
    | _CODE
    | _ROWS
    | _names(
        "section sec chapter div body table tgroup list itemizedlist orderedlist variablelist varlistentry term "
        "figure fig caption blockquote disp-quote quote-block sp stage abstract simplesect article book part topic "
        "ref bibl biblStruct bibliomixed contrib aff label ul ol dl dt dd"
    )
)
_LOW, _HIGH = _names("sub subscript"), _names("sup superscript")
_HEAD = _names("info articleinfo bookinfo chapterinfo article-meta titleStmt prolog")
_NAMED = ("surname", "given-names", "firstname", "personname", "name", "forename", "string-name")
_MOST_AUTHORS = 100
_ONE = re.compile(r"\S+")


@dataclass(slots=True)
class _Block:
    """A part of the text: some lines, and the level of a heading, 0 for others."""

    text: str
    level: int = 0
    close: bool = False
    """No blank line is before it, as between the items of a list."""


@dataclass(slots=True)
class _Document:
    root: Any
    not_read: Counter[str]
    containers: set[Any] = field(default_factory=set)
    """The elements that have a block in them."""
    label: str = ""
    """The number of the next title or paragraph, as JATS gives it."""

    def blocks(self, element: Any, level: int) -> Iterator[_Block]:
        """Yield the blocks of an element. :param level: the number of titled elements around it."""
        tag = element.tag
        if tag in _HIDDEN:
            self.not_read["hidden text"] += 1
        elif tag in _PICTURES:
            self.not_read["pictures"] += 1
        elif tag == "label":
            self.label = self._inline(element)
        elif tag in _CODE:
            code = "".join(element.itertext()).strip("\r\n")
            yield _Block(f"```\n{code}\n```" if code.strip() else "")
        elif tag in ("table", "tgroup", "simpletable"):
            yield from self._table(element, level)
        elif tag in _TITLES and (element.getparent() is None or element.getparent().tag not in _CAPTIONED):
            number = int(tag[1]) if tag[0] == "h" and tag[1:].isdigit() else max(1, level)
            yield _Block(self._labelled(self._inline(element)), number)
        elif element in self.containers and tag not in _FORMULAS:
            yield from self._container(element, level)
        else:
            close = tag == "l" and element.getprevious() is not None
            yield _Block(self._labelled(self._inline(element)), 0, close)

    def _container(self, element: Any, level: int) -> Iterator[_Block]:
        """Yield the blocks of an element that has blocks in it, and the text beside them as paragraphs."""
        level += any(child.tag in _TITLES for child in element) and element.tag not in _CAPTIONED
        mixed = _is_mixed(element)
        run, notes = [element.text or ""], []
        for number, child in enumerate(element):
            if mixed and child.tag in _NOTES:
                notes.append(child)
            elif mixed and child not in self.containers and child.tag not in _BLOCKS:
                run.append(self._inline(child, whole=False))
            else:
                yield _Block(self._labelled(" ".join("".join(run).split())))
                run = []
                yield from (
                    self._item(element, child, number, level) if child.tag in _ITEMS else self.blocks(child, level)
                )
            run.append(child.tail or "")
        yield _Block(self._labelled(" ".join("".join(run).split())))
        for note in notes:
            yield from self.blocks(note, level)

    def _item(self, parent: Any, item: Any, number: int, level: int) -> Iterator[_Block]:
        """Yield the blocks of an item of a list, the first with a dash or a number."""
        ordered = parent.tag in _ORDERED or parent.get("list-type") == "order"
        count = sum(1 for each in item.itersiblings(preceding=True) if each.tag in _ITEMS) if number < 1000 else number
        mark = f"{count + 1}. " if ordered else "- "
        for block in self.blocks(item, level):
            if block.text:
                yield _Block(mark + block.text, 0, count > 0 and bool(mark)) if not block.level else block
                mark = ""

    def _table(self, table: Any, level: int) -> Iterator[_Block]:
        """Yield the title of a table, and its rows with pipes."""
        rows = []
        for child in table:
            if child.tag in ("title", "caption", "head", "titleabbrev", "textobject"):
                yield from self.blocks(child, level)
        for row in table.iter(*_ROWS):
            head = row.getparent().tag == "thead" or row.tag == "sthead"
            cells = [
                Cell(
                    self._inline(cell), head or cell.tag == "th" or row.get("role") == "label",
                    _whole(cell.get("colspan") or cell.get("cols")),
                    _whole(cell.get("rowspan") or cell.get("rows")) + _whole(cell.get("morerows"), 0),
                )
                for cell in row if cell.tag in _CELLS
            ]  # fmt: skip
            rows.append(Row(cells, head))
        yield _Block("\n".join(line for line, _ in table_lines(rows)))

    def _inline(self, element: Any, *, whole: bool = True) -> str:
        """Return the text of an element on one line. :param whole: without blanks around it."""
        text = "".join(self._pieces(element))
        return " ".join(text.split()) if whole else text

    def _pieces(self, element: Any) -> Iterator[str]:
        tag = element.tag
        formula = _formula(element) if tag in _FORMULAS or tag in ("math", "alternatives") else None
        if formula is not None:
            yield _written(formula)
            return
        if tag in _PICTURES or tag in _HIDDEN:
            self.not_read["pictures" if tag in _PICTURES else "hidden text"] += 1
            return
        between = "" if _is_mixed(element) else " "
        if tag in _LOW or tag in _HIGH:
            yield "_" if tag in _LOW else "^"
        yield element.text or (" " if tag in ("br", "lb", "pb", "sbr") else "")
        for child in element:
            block = " " if child.tag in _BLOCKS else between
            yield block
            yield from self._pieces(child)
            yield block + (child.tail or "")

    def _labelled(self, text: str) -> str:
        """Return a text after the label that waits for one."""
        if text and self.label:
            text, self.label = f"{self.label} {text}", ""
        return text


def read(root: Any, not_read: Counter[str]) -> Extracted:
    """Return a document as text: paragraphs, headings, items with dashes or numbers, tables with pipes, code in fences.

    Metadata: `author`; `headings`; `not_read`, a mapping of what is not in the text, such as pictures, to how often.

    :param root: an element whose tree has no namespaces and no comments.
    """
    document = _Document(root, not_read)
    every = list(root.iter())
    for element in reversed(every):
        if (parent := element.getparent()) is not None and (element.tag in _BLOCKS or element in document.containers):
            document.containers.add(parent)
    text: list[str] = []
    headings: list[list[int]] = []
    offset = 0
    for block in document.blocks(root, 0):
        if not block.text:
            continue
        between = "" if not text else "\n" if block.close else "\n\n"
        offset += len(between)
        if block.level:
            headings.append([offset, block.level])
        text += [between, block.text]
        offset += len(block.text)
    titles = (each for name in _DOCUMENT_TITLES for each in every if each.tag == name)
    title = next((words for each in titles if (words := " ".join("".join(each.itertext()).split()))), "")
    counts = {kind: count for kind, count in not_read.items() if count}
    authors = list(dict.fromkeys(_authors(every)))[:_MOST_AUTHORS]
    metadata: dict[str, Any] = {"headings": headings} | ({"not_read": counts} if counts else {})
    if authors:
        metadata["author"] = authors[0] if len(authors) == 1 else authors
    return Extracted("".join(text), title, metadata=metadata)


def _authors(elements: list[Any]) -> Iterator[str]:
    """Yield the names of the authors that the head of a document gives, given names first."""
    for element in elements:
        if element.tag == "author" or (element.tag == "contrib" and element.get("contrib-type", "author") == "author"):
            if not any(ancestor.tag in _HEAD for ancestor in element.iterancestors()):
                continue
            parts = {
                name: " ".join("".join(found.itertext()).split())
                for name in _NAMED
                if (found := element.find(f".//{name}")) is not None
            }
            given = parts.get("given-names") or parts.get("firstname") or parts.get("forename") or ""
            name = f"{given} {parts['surname']}".strip() if "surname" in parts else ""
            name = (
                name
                or parts.get("string-name")
                or parts.get("personname")
                or " ".join("".join(element.itertext()).split())
            )
            if name and len(name) <= 200:
                yield name


def _formula(element: Any) -> Any:
    """Return the formula in an element, as MathML or as TeX; None where it has none."""
    if element.tag == "math":
        return element
    found = element.find(".//math")
    return found if found is not None else element.find(".//tex-math")


def _written(formula: Any) -> str:
    """Return a formula on one line."""
    if formula.tag != "math":
        return "".join(formula.itertext())
    return linear(html.fragment_fromstring(etree.tostring(formula, method="html", with_tail=False, encoding="unicode")))


def _is_mixed(element: Any) -> bool:
    """Tell whether an element has text beside its elements."""
    return bool(_ONE.search(element.text or "")) or any(_ONE.search(child.tail or "") for child in element)


def _whole(value: str | None, default: int = 1) -> int:
    return min(1_000, int(value)) if value and value.isascii() and value.isdigit() and len(value) < 6 else default
