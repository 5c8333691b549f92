"""OpenDocument files made from pieces of XML."""

from __future__ import annotations

from tests.load.word_files import packed

_OASIS = "urn:oasis:names:tc:opendocument:xmlns:"
NAMESPACES = " ".join(
    f'xmlns:{name}="{_OASIS}{room}:1.0"'
    for name, room in {
        "office": "office", "text": "text", "table": "table", "style": "style", "meta": "meta", "draw": "drawing",
        "svg": "svg-compatible", "presentation": "presentation", "chart": "chart", "manifest": "manifest", "form": "form",
    }.items()
) + ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xlink="http://www.w3.org/1999/xlink"'  # fmt: skip
STYLES = (
    '<style:style style:family="text" style:name="Up"><style:text-properties style:text-position="super 58%"/></style:style>'
    '<style:style style:family="text" style:name="Gone"><style:text-properties style:text-line-through-style="solid"/></style:style>'
    '<style:style style:family="text" style:name="Unseen"><style:text-properties text:display="none"/></style:style>'
    '<style:style style:family="text" style:name="Based" style:parent-style-name="Up"/>'
    '<style:style style:family="paragraph" style:name="P1" style:parent-style-name="Title"/><style:style style:family="paragraph" style:name="Title"/>'
    '<style:style style:family="drawing-page" style:name="Out"><style:drawing-page-properties presentation:visibility="hidden"/></style:style>'
    '<text:list-style style:name="N"><text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="."/>'
    '<text:list-level-style-number text:level="2" style:num-format="a" style:num-prefix="(" style:num-suffix=")"/>'
    '<text:list-level-style-number text:level="3" style:num-format="1" text:display-levels="3"/></text:list-style>'
    '<text:list-style style:name="B"><text:list-level-style-bullet text:level="1" text:bullet-char="x"/></text:list-style>'
)  # fmt: skip


def document(body: str, kind: str = "text", **parts: str) -> dict[str, str]:
    """Return the parts of a file whose content is of a kind: `text` or `presentation`.

    :param parts: `styles`, what is in `styles.xml` after the styles; `meta`, the properties; others by the folder of an
        embedded document.
    """
    made = {
        "mimetype": f"application/vnd.oasis.opendocument.{kind}",
        "content.xml": f"<office:document-content {NAMESPACES}><office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>",
        "styles.xml": f"<office:document-styles {NAMESPACES}>{STYLES}{parts.pop('styles', '')}</office:document-styles>",
        "meta.xml": f"<office:document-meta {NAMESPACES}><office:meta>{parts.pop('meta', '')}</office:meta></office:document-meta>",
        "META-INF/manifest.xml": f"<manifest:manifest {NAMESPACES}/>",
    }
    return made | {f"{folder}/content.xml": content for folder, content in parts.items()}


def flat(body: str, kind: str = "text", styles: str = "", meta: str = "") -> bytes:
    """Return a flat file: one XML document."""
    inside = f"<office:meta>{meta}</office:meta><office:styles>{STYLES}</office:styles>{styles}<office:body><office:{kind}>{body}</office:{kind}></office:body>"
    return f'<?xml version="1.0"?>\n<office:document {NAMESPACES}>{inside}</office:document>'.encode()


def odt(body: str, **parts: str) -> bytes:
    """Return a text document."""
    return packed(document(body, "text", **parts))


def odp(*pages: str, **parts: str) -> bytes:
    """Return a presentation; a page that is no `draw:page` is its shapes."""
    made = (each if each.startswith("<draw:page") else f"<draw:page>{each}</draw:page>" for each in pages)
    return packed(document("".join(made), "presentation", **parts))


def p(text: str, style: str = "") -> str:
    """Return a paragraph."""
    return f'<text:p text:style-name="{style}">{text}</text:p>'


def h(text: str, level: int = 1) -> str:
    """Return a heading."""
    return f'<text:h text:outline-level="{level}">{text}</text:h>'


def span(text: str, style: str) -> str:
    """Return a text with a style of its own."""
    return f'<text:span text:style-name="{style}">{text}</text:span>'


def listed(*items: str, style: str = "", more: str = "") -> str:
    """Return a list; an item that is no XML is a paragraph."""
    made = (f"<text:list-item>{each if each.startswith('<') else p(each)}</text:list-item>" for each in items)
    name = f'text:style-name="{style}"' if style else ""
    return f"<text:list {name} {more}>{''.join(made)}</text:list>"


def cell(text: str, columns: int = 1, rows: int = 1) -> str:
    """Return a cell; a text that is no XML is a paragraph."""
    spans = f'table:number-columns-spanned="{columns}" table:number-rows-spanned="{rows}"'
    return f"<table:table-cell {spans}>{text if text.startswith('<') else p(text)}</table:table-cell>"


def table(*rows: list[str]) -> str:
    """Return a table; a text is a cell, and an empty one is covered by another."""
    made = (
        "".join(
            each if each.startswith("<table:") else cell(each) if each else "<table:covered-table-cell/>"
            for each in row
        )
        for row in rows
    )
    return f"<table:table>{''.join(f'<table:table-row>{row}</table:table-row>' for row in made)}</table:table>"


def frame(content: str, kind: str = "", at: tuple[int, int, int, int] | None = None, more: str = "") -> str:
    """Return a frame; `at` is left, top, width and height in centimetres."""
    names = ("x", "y", "width", "height")
    place = " ".join(f'svg:{name}="{value}cm"' for name, value in zip(names, at, strict=True)) if at else ""
    mark = f'presentation:class="{kind}"' if kind else ""
    return f"<draw:frame {mark} {place} {more}>{content}</draw:frame>"


def box(*paragraphs: str) -> str:
    """Return a text box of paragraphs."""
    return f"<draw:text-box>{''.join(map(p, paragraphs))}</draw:text-box>"
