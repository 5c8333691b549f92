"""The slides of a presentation in order, each with its notes and comments -> the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.locked import unlocked
from ragqa.load.not_read import NotRead
from ragqa.load.ooxml import Package, properties, qn, refuse_ole
from ragqa.load.pages import BLANK, Line, Page, blocks, laid_out
from ragqa.load.pptx.comments import authors, comments
from ragqa.load.pptx.lists import Inherited
from ragqa.load.pptx.shapes import MARGINS, TITLES, Shapes
from ragqa.load.titles import real_title
from ragqa.records import Extracted

_OFF = ("0", "false", "off")
_OPENING = ("title", "secHead")
"""The types of layouts whose title is that of the slides after it too."""
_TREE = "p:cSld/p:spTree"


def extract(data: bytes, limits: Limits, passwords: Sequence[str] = ()) -> Extracted:
    """Return the text of the slides in order; each slide is a page.

    - The title of a slide comes first. Other shapes follow as a person reads them, column by column (see `reading_order`).
    - Bullets of any shape are `-`; automatic numbers stand before their paragraph, as layouts and masters set them.
    - A table has pipes, and a short merged cell is repeated. A chart is its titles and a table of its values. The texts
      of a diagram (SmartArt) are list items in its order.
    - A footer and a text that a layout or a master shows are read once, on the first slide that has it. Numbers of
      slides and dates that change by themselves are not text.
    - `Notes:` begins the speaker's notes. Comments with their authors come after them.

    Metadata: `author`, `subject`, `modified`; `headings`, a list of `[offset, level]`; `places`, a list of `[offset,
    name]` with names such as `slide 3` and `slide 4 (hidden)`; `not_read`, a mapping of what is in the file and not in
    the text, such as pictures, to how often.

    :param passwords: tried on an encrypted file.
    :raises RejectedError: the file is not PPTX, is encrypted with another password, has XML with entities, has no text, or exceeds the limits
        on archives or pages.
    """
    data = unlocked(data, passwords)
    refuse_ole(data, "PPTX", ".ppt")
    package = Package(data, limits, "PPTX")
    reader = _Reader(package)
    slides = reader.slides()
    if len(slides) > limits.pages:
        raise RejectedError(f"{len(slides):,} slides; at most {limits.pages:,}")
    found = laid_out([reader.page(number, part) for number, part in enumerate(slides, 1)])
    not_read = dict(reader.not_read.counts) | ({"missing parts": len(package.missing)} if package.missing else {})
    if not found.text.strip():
        told = ", ".join(f"{kind} ({count})" for kind, count in not_read.items())
        raise RejectedError(f"no text; not read: {told}" if told else "no text: the slides have none")
    fields = properties(package, "modified")
    title = reader.titles.get(1) or real_title(fields.pop("title", "")) or next(iter(reader.titles.values()), "")
    fields.pop("title", None)
    return Extracted(
        found.text, title, found.starts, fields | found.metadata | ({"not_read": not_read} if not_read else {})
    )


class _Reader:
    """Reads the slides of a package one after another. `titles` are those of the slides that have one, by number."""

    def __init__(self, package: Package) -> None:
        self.not_read = NotRead()
        self.titles: dict[int, str] = {}
        self._package = package
        self._main = next(iter(package.related("", "officeDocument")), "")
        self._presentation = package.xml(self._main)
        if self._presentation is None:
            raise RejectedError("damaged: the archive has no presentation part, or names one that it lacks")
        if self._presentation.tag != qn("p:presentation"):
            kind = self._presentation.tag.rpartition("}")[2][:80]
            raise RejectedError(f"not a PPTX file: its main part is a {kind}")
        self._authors = authors(package, self._main)
        self._roots: dict[str, Any] = {}
        self._margins: set[str] = set()

    def slides(self) -> list[str]:
        """Return the parts of the slides in order, each once."""
        ids = self._presentation.iterfind(f"{qn('p:sldIdLst')}/{qn('p:sldId')}")
        parts = (self._package.target(self._main, each.get(qn("r:id"))) for each in ids)
        return list(dict.fromkeys(part for part in parts if part))

    def page(self, number: int, part: str) -> Page:
        """Return the lines of a slide; none where the archive lacks it."""
        root = self._package.xml(part)
        if root is None:
            return Page([], f"slide {number}")
        hidden = " (hidden)" if root.get("show") in _OFF else ""
        lines = list(self._lines(part, root))
        title = next((line.text for line in lines if line.level is not None and line.text), "")
        if title:
            self.titles[number] = title
        return Page(lines, f"slide {number}{hidden}")

    def _lines(self, part: str, root: Any) -> Iterator[Line]:
        layout_part, layout = self._above(part, "slideLayout")
        master_part, master = self._above(layout_part, "slideMaster")
        inherited = Inherited(layout, master, self._presentation)
        tree = root.find(qn(_TREE))
        if tree is not None:
            shapes = Shapes(self._package, part, inherited, self.not_read, (*TITLES, *MARGINS))
            yield from self._titles(tree, shapes, 1 if layout is not None and layout.get("type") in _OPENING else 2)
            yield from blocks(shapes.blocks(tree))
            yield from self._footers(tree, shapes)
        if root.get("showMasterSp") not in _OFF:
            yield from self._once(layout_part, layout, inherited)
            if layout is not None and layout.get("showMasterSp") not in _OFF:
                yield from self._once(master_part, master, inherited)
        yield from self._notes(part)
        yield from map(Line, comments(self._package, part, self._authors, self.not_read))

    def _titles(self, tree: Any, shapes: Shapes, level: int) -> Iterator[Line]:
        for each in shapes.placeholders(tree, TITLES):
            text = " ".join(line.text for line in shapes.text(each))
            yield Line(text, level)
            yield BLANK

    def _footers(self, tree: Any, shapes: Shapes) -> Iterator[Line]:
        """Yield the footers of a slide that no slide before it has; a date that is brought up to date is none."""
        for each in shapes.placeholders(tree, ("dt", "ftr")):
            if next(each.iter(qn("a:fld")), None) is None:
                yield from self._new(shapes.text(each))

    def _once(self, part: str, root: Any, inherited: Inherited) -> Iterator[Line]:
        """Yield what a layout or a master shows on all its slides, on the first of them."""
        tree = root.find(qn(_TREE)) if root is not None else None
        if tree is None or part in self._margins:
            return
        self._margins.add(part)
        for block in Shapes(self._package, part, inherited, self.not_read, None).blocks(tree):
            yield from self._new(block)

    def _new(self, lines: list[Line]) -> Iterator[Line]:
        text = "\n".join(line.text for line in lines)
        if text and text not in self._margins:
            self._margins.add(text)
            yield from lines
            yield BLANK

    def _notes(self, part: str) -> Iterator[Line]:
        notes, root = self._above(part, "notesSlide")
        tree = root.find(qn(_TREE)) if root is not None else None
        if tree is not None:
            inherited = Inherited(None, None, None)
            found = Shapes(self._package, notes, inherited, self.not_read, MARGINS).blocks(tree)
            if any(line.text for block in found for line in block):
                yield Line("Notes:")
                yield from blocks(found)

    def _above(self, part: str, kind: str) -> tuple[str, Any]:
        """Return the first part to which a part has a relationship of a kind, and its root; "" and None for none."""
        found = next(iter(self._package.related(part, kind)), "") if part else ""
        if kind == "notesSlide":
            return found, self._package.xml(found)
        if found not in self._roots:
            self._roots[found] = self._package.xml(found)
        return found, self._roots[found]
