"""PDF files for the viewer, and the viewer alone, which is handed the bytes of a file."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from typing import Any

from reportlab.lib.pagesizes import A5
from reportlab.pdfgen.canvas import Canvas

from tests.page.tab import Tab

SHOW = """async ([data, number, quote, context]) => {
    const { showPdf } = await import("/page/pdf_view.js");
    const box = document.querySelector("#papers") ?? document.createElement("div");
    box.id = "papers";
    document.querySelector("main").append(box);
    const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
    const found = await showPdf(box, bytes.buffer, number, quote, new AbortController().signal, context);
    return { ...found, text: box.dataset.marked ?? null, boxes: boxes(), top: box.querySelector(".pdf-page")?.getBoundingClientRect().top ?? 0 };

    function boxes() {
        return [...(CSS.highlights.get("quote") ?? [])].flatMap((range) => [...range.getClientRects()].map((each) => each.toJSON()));
    }
}"""

FIND = """async ([texts, quote, context]) => {
    const { findQuote } = await import("/page/pdf_quote.js");
    return findQuote(texts, quote, context)?.map(({ index, start, end }) => texts[index].slice(start, end)) ?? null;
}"""


def found(tab: Tab, texts: list[str], quote: str, before: str = "", after: str = "") -> list[str] | None:
    """Return the parts of the texts of a page in which a quote is found, None for none."""
    parts: list[str] | None = tab.page.evaluate(FIND, [texts, quote, {"before": before, "after": after}])
    return parts


def show(tab: Tab, data: bytes, quote: str, number: int = 1, before: str = "", after: str = "") -> dict[str, Any]:
    """Show a page of a PDF with a quote in it; return what became of it, the marked text, its boxes, and the top of the page."""
    context = {"before": before, "after": after}
    found: dict[str, Any] = tab.page.evaluate(SHOW, [base64.b64encode(data).decode(), number, quote, context])
    return found


def paper(*pages: Iterable[str]) -> bytes:
    """Return a PDF, line by line."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A5)
    for lines in pages:
        canvas.setFont("Helvetica", 11)
        for number, line in enumerate(lines):
            canvas.drawString(50, A5[1] - 60 - 22 * number, line)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def raw(*objects: str) -> bytes:
    """Return a PDF of these objects, numbered from 1; the first is the catalogue."""
    data = b"%PDF-1.7\n"
    places = []
    for number, each in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{each}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    count = len(objects) + 1
    return data + (
        f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{len(data)}\n%%EOF"
    ).encode("latin-1")


def stream(text: str) -> str:
    return f"<< /Length {len(text)} >>\nstream\n{text}\nendstream"


def one_page(
    catalogue: str = "", page: str = "", box: str = "0 0 420 595", text: str = "The ferry sails at nine.", *more: str
) -> bytes:
    """Return a PDF of one page with a text, with further keys in its catalogue and its page; `more` begins with object 6."""
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    return raw(
        f"<< /Type /Catalog /Pages 2 0 R {catalogue} >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> {page} >>",
        stream(f"BT /F 12 Tf 50 500 Td ({text}) Tj ET"),
        font,
        *more,
    )
