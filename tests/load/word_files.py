"""DOCX files made from pieces of XML, for what python-docx cannot write."""

from __future__ import annotations

import io
import zipfile

OFFICE = "http://schemas.openxmlformats.org/"
STRICT = "http://purl.oclc.org/ooxml/"
NAMESPACES = " ".join(
    f'xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "w": f"{OFFICE}wordprocessingml/2006/main",
        "r": f"{OFFICE}officeDocument/2006/relationships",
        "m": f"{OFFICE}officeDocument/2006/math",
        "a": f"{OFFICE}drawingml/2006/main",
        "c": f"{OFFICE}drawingml/2006/chart",
        "cx": "http://schemas.microsoft.com/office/drawing/2014/chartex",
        "pic": f"{OFFICE}drawingml/2006/picture",
        "wp": f"{OFFICE}drawingml/2006/wordprocessingDrawing",
        "dgm": f"{OFFICE}drawingml/2006/diagram",
        "mc": f"{OFFICE}markup-compatibility/2006",
        "w14": "http://schemas.microsoft.com/office/word/2010/wordml",
        "v": "urn:schemas-microsoft-com:vml",
        "o": "urn:schemas-microsoft-com:office:office",
    }.items()
)
RELATIONSHIPS = f"{OFFICE}package/2006/relationships"


def word(body: str, **parts: str) -> bytes:
    """Return a DOCX with this body.

    :param parts: the content of other parts by the type of their relationship, such as `numbering`; their relationships
        have the type as id. A digit at the end of a type tells apart several parts of it: `header1`.
    """
    return packed(word_parts(body, **parts))


def strict(body: str, **parts: str) -> bytes:
    """Return the same in the Strict variant of the standard."""
    as_strict = {}
    for name, content in word_parts(body, **parts).items():
        for room in ("wordprocessingml", "officeDocument", "drawingml"):
            content = content.replace(f"{OFFICE}{room}/2006/", f"{STRICT}{room}/")
        as_strict[name] = content
    return packed(as_strict)


def word_parts(body: str, **parts: str) -> dict[str, str]:
    """Return the parts of such a file by name."""
    made = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": _relationships({"officeDocument": "word/document.xml"}),
        "word/document.xml": f"<w:document {NAMESPACES}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": _relationships({kind: f"{kind}.xml" for kind in parts}),
    }
    for kind, content in parts.items():
        root = {"footer": "w:ftr", "header": "w:hdr", "chart": "c:chartSpace", "diagramData": "dgm:dataModel"}.get(
            kind.rstrip("0123456789"), f"w:{kind}"
        )
        made[f"word/{kind}.xml"] = f"<{root} {NAMESPACES}>{content}</{root}>"
    return made


def packed(parts: dict[str, str]) -> bytes:
    """Return an archive of these parts."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def run(text: str, properties: str = "") -> str:
    """Return a run."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(*content: str, properties: str = "") -> str:
    """Return a paragraph of runs, or of a text."""
    inner = "".join(each if each.startswith("<") else run(each) for each in content)
    return f"<w:p><w:pPr>{properties}</w:pPr>{inner}</w:p>"


def listed(text: str, level: int = 0, list_id: int = 1) -> str:
    """Return a paragraph of a list."""
    properties = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{list_id}"/></w:numPr>'
    return paragraph(text, properties=properties)


def numbering(*levels: tuple[str, str], extra: str = "", lists: str = "") -> str:
    """Return a definition with (format, text) for each level, list 1 with it, and further lists."""
    definition = "".join(
        f'<w:lvl w:ilvl="{place}"><w:start w:val="1"/><w:numFmt w:val="{style}"/><w:lvlText w:val="{text}"/>{extra}</w:lvl>'
        for place, (style, text) in enumerate(levels)
    )
    return (
        f'<w:abstractNum w:abstractNumId="7">{definition}</w:abstractNum>'
        f'<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num>{lists}'
    )


def cell(*content: str, properties: str = "") -> str:
    """Return a cell of paragraphs, tables or texts."""
    inner = "".join(each if each.startswith("<") else paragraph(each) for each in content)
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{inner}</w:tc>"


def table(*rows: list[str]) -> str:
    """Return a table; a text in a row is a cell."""
    made = ("".join(each if each.startswith("<w:tc>") else cell(each) for each in row) for row in rows)
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in made)}</w:tbl>"


def field(code: str, result: str = "", form: str = "") -> str:
    """Return the runs of a field. The result is a text or runs."""
    shown = result if result.startswith("<") or not result else run(result)
    return (
        f'<w:r><w:fldChar w:fldCharType="begin">{form}</w:fldChar></w:r><w:r><w:instrText>{code}</w:instrText></w:r>'
        f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{shown}<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )


def text_box(*content: str) -> str:
    """Return a run with a text box of paragraphs, in both of the forms that Word writes."""
    inner = f"<w:txbxContent>{''.join(paragraph(each) for each in content)}</w:txbxContent>"
    return (
        f'<w:r><mc:AlternateContent><mc:Choice Requires="wps"><w:drawing>{inner}</w:drawing></mc:Choice>'
        f"<mc:Fallback><w:pict><v:textbox>{inner}</v:textbox></w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    )


def math(text: str) -> str:
    """Return a run of an equation."""
    return f"<m:r><m:t>{text}</m:t></m:r>"


def _relationships(targets: dict[str, str]) -> str:
    entries = (
        f'<Relationship Id="{kind}" Type="{OFFICE}officeDocument/2006/relationships/{kind.rstrip("0123456789")}" '
        f'Target="{target}"/>'
        for kind, target in targets.items()
    )
    return f'<Relationships xmlns="{RELATIONSHIPS}">{"".join(entries)}</Relationships>'


def rich_word_parts(topic: str) -> dict[str, str]:
    """Return the parts of a DOCX with every structure that has code of its own."""
    styles = '<w:style w:styleId="H1"><w:name w:val="heading 1"/></w:style>'
    fraction = f"<m:f><m:num>{math('a')}</m:num><m:den>{math('b')}</m:den></m:f>"
    series = '<c:ser><c:tx><c:v>Tons</c:v></c:tx><c:val><c:numCache><c:pt idx="0"><c:v>4.5</c:v></c:pt></c:numCache></c:val></c:ser>'
    body = (
        paragraph(f"The {topic}", properties='<w:pStyle w:val="H1"/>')
        + listed("First") + listed("Second", 1) + listed("Third")
        + paragraph("10", run("6", '<w:vertAlign w:val="superscript"/>'), f"<m:oMath>{fraction}</m:oMath>")
        + paragraph("On ", field("DATE", "4.5.2024"), text_box(f"A box on the {topic}"), '<w:r><w:sym w:font="Symbol" w:char="F06D"/></w:r>')
        + table(["A", cell("B", properties='<w:gridSpan w:val="2"/>')], [cell("x", properties='<w:vMerge w:val="restart"/>'), "1", "2"],
                [cell("", properties="<w:vMerge/>"), cell("see", table(["3", "4"])), "5"])
        + paragraph('<w:r><w:drawing><c:chart r:id="chart"/></w:drawing></w:r>')
        + '<w:sectPr><w:headerReference w:type="default" r:id="header"/></w:sectPr>'
    )  # fmt: skip
    return word_parts(
        body, styles=styles, numbering=numbering(("decimal", "%1."), ("lowerRoman", "%1.%2")), chart=series,
        header=paragraph(f"On the {topic}", field("PAGE", "3")), endnotes=f"<w:endnote>{paragraph('A note.')}</w:endnote>",
        comments=f'<w:comment w:author="Ada">{paragraph("So?")}</w:comment>',
    )  # fmt: skip
