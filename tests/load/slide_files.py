"""PPTX files made from pieces of XML, for what python-pptx cannot write."""

from __future__ import annotations

from tests.load.word_files import packed

OFFICE = "http://schemas.openxmlformats.org/"
STRICT = "http://purl.oclc.org/ooxml/"
NAMESPACES = " ".join(
    f'xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "p": f"{OFFICE}presentationml/2006/main",
        "a": f"{OFFICE}drawingml/2006/main",
        "r": f"{OFFICE}officeDocument/2006/relationships",
        "m": f"{OFFICE}officeDocument/2006/math",
        "c": f"{OFFICE}drawingml/2006/chart",
        "cx": "http://schemas.microsoft.com/office/drawing/2014/chartex",
        "dgm": f"{OFFICE}drawingml/2006/diagram",
        "mc": f"{OFFICE}markup-compatibility/2006",
        "a14": "http://schemas.microsoft.com/office/drawing/2010/main",
        "p188": "http://schemas.microsoft.com/office/powerpoint/2018/8/main",
    }.items()
)
BULLETS = '<p:txStyles><p:bodyStyle><a:lvl1pPr><a:buChar char="•"/></a:lvl1pPr></p:bodyStyle></p:txStyles>'


def deck(*slides: str, layout: str = "", master: str = BULLETS, **parts: str) -> dict[str, str]:
    """Return the parts of a presentation.

    :param slides: the shapes of each slide, or its whole part.
    :param layout: the shapes of the layout of all slides.
    :param master: what follows the shapes of the master.
    :param parts: the content of other parts to which each slide has a relationship, by its type, which is its id too.
        A digit at the end tells apart several parts of a type.
    """
    made = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": relationships({"officeDocument": "ppt/presentation.xml"}),
        "ppt/presentation.xml": _presentation(len(slides)),
        "ppt/_rels/presentation.xml.rels": relationships(
            {f"slide{number}": f"slides/slide{number}.xml" for number in range(1, len(slides) + 1)}
            | {"commentAuthors": "commentAuthors.xml", "authors": "authors.xml"}
        ),
        "ppt/commentAuthors.xml": f'<p:cmAuthorLst {NAMESPACES}><p:cmAuthor id="0" name="Ida Holm"/></p:cmAuthorLst>',
        "ppt/authors.xml": f'<p188:authorLst {NAMESPACES}><p188:author id="{{A}}" name="Jon Vik"/></p188:authorLst>',
        "ppt/layouts/layout.xml": f"<p:sldLayout {NAMESPACES}>{_tree(layout)}</p:sldLayout>",
        "ppt/layouts/_rels/layout.xml.rels": relationships({"slideMaster": "../master.xml"}),
        "ppt/master.xml": f"<p:sldMaster {NAMESPACES}>{_tree('')}{master}</p:sldMaster>",
    }
    targets = {"slideLayout": "../layouts/layout.xml"} | {kind: f"../parts/{kind}.xml" for kind in parts}
    for number, content in enumerate(slides, 1):
        own = content if content.startswith("<p:sld") else slide(content)
        made[f"ppt/slides/slide{number}.xml"] = own
        made[f"ppt/slides/_rels/slide{number}.xml.rels"] = relationships(targets)
    return made | {f"ppt/parts/{kind}.xml": content for kind, content in parts.items()}


def slide(shapes: str, attributes: str = "") -> str:
    """Return the part of a slide."""
    return f"<p:sld {NAMESPACES} {attributes}>{_tree(shapes)}</p:sld>"


def strict(parts: dict[str, str]) -> bytes:
    """Return an archive of the same parts in the Strict variant of the standard."""
    made = {}
    for name, content in parts.items():
        for room in ("presentationml", "officeDocument", "drawingml"):
            content = content.replace(f"{OFFICE}{room}/2006/", f"{STRICT}{room}/")
        made[name] = content
    return packed(made)


def shape(
    *paragraphs: str, kind: str | None = None, at: tuple[int, int, int, int] | None = None, more: str = ""
) -> str:
    """Return a shape with paragraphs; one that is no XML is a text.

    :param kind: the type of the placeholder that it fills.
    :param at: left, top, width and height.
    :param more: attributes of its name.
    """
    mark = "" if kind is None else f'<p:ph type="{kind}"/>' if kind else '<p:ph idx="1"/>'
    inner = "".join(each if each.startswith("<") else paragraph(each) for each in paragraphs)
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="2" name="x" {more}/><p:cNvSpPr/><p:nvPr>{mark}</p:nvPr></p:nvSpPr>'
        f"<p:spPr>{_transform('a:xfrm', at)}</p:spPr><p:txBody><a:bodyPr/><a:lstStyle/>{inner}</p:txBody></p:sp>"
    )


def paragraph(text: str, properties: str = "", level: int = 0, look: str = "") -> str:
    """Return a paragraph; `look` are the attributes of its run."""
    return f'<a:p><a:pPr lvl="{level}">{properties}</a:pPr><a:r><a:rPr {look}/><a:t>{text}</a:t></a:r></a:p>'


def group(*shapes: str, at: tuple[int, int, int, int]) -> str:
    """Return a group of shapes."""
    return f"<p:grpSp><p:nvGrpSpPr/><p:grpSpPr>{_transform('a:xfrm', at)}</p:grpSpPr>{''.join(shapes)}</p:grpSp>"


def frame(content: str, at: tuple[int, int, int, int] | None = None) -> str:
    """Return a frame with a table, a chart or a diagram."""
    data = f"<a:graphic><a:graphicData>{content}</a:graphicData></a:graphic>"
    return f"<p:graphicFrame><p:nvGraphicFramePr/>{_transform('p:xfrm', at)}{data}</p:graphicFrame>"


def notes(*shapes: str) -> str:
    """Return the part of the notes of a slide."""
    return f"<p:notes {NAMESPACES}>{_tree(''.join(shapes))}</p:notes>"


def relationships(targets: dict[str, str]) -> str:
    """Return a part of relationships: the type, with a digit at its end or not, is the id."""
    entries = (
        f'<Relationship Id="{kind}" Type="{OFFICE}officeDocument/2006/relationships/{kind.rstrip("0123456789")}" '
        f'Target="{target}"/>'
        for kind, target in targets.items()
    )
    return f'<Relationships xmlns="{OFFICE}package/2006/relationships">{"".join(entries)}</Relationships>'


def _presentation(slides: int) -> str:
    ids = "".join(f'<p:sldId id="{255 + number}" r:id="slide{number}"/>' for number in range(1, slides + 1))
    return f"<p:presentation {NAMESPACES}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>"


def _tree(shapes: str) -> str:
    return f"<p:cSld><p:spTree><p:nvGrpSpPr/><p:grpSpPr/>{shapes}</p:spTree></p:cSld>"


def _transform(name: str, at: tuple[int, int, int, int] | None) -> str:
    if at is None:
        return ""
    return f'<{name}><a:off x="{at[0]}" y="{at[1]}"/><a:ext cx="{at[2]}" cy="{at[3]}"/></{name}>'
