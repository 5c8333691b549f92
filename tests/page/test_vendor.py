"""What is shipped of pdf.js is what was fetched, and has nothing that runs the scripts of a PDF."""

from __future__ import annotations

import hashlib
import json

from tests.page.vendor import MANIFEST, PDFJS, PDFJS_PACKAGE


def test_the_files_of_pdf_js_are_those_of_the_pinned_package() -> None:
    manifest = json.loads((PDFJS / MANIFEST).read_text(encoding="utf-8"))
    assert (manifest["package"], manifest["version"], manifest["archive"]) == PDFJS_PACKAGE
    there = {
        file.relative_to(PDFJS).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in PDFJS.rglob("*")
        if file.is_file() and file.name != MANIFEST
    }
    assert there == manifest["files"]


def test_nothing_is_shipped_that_runs_scripts_of_a_pdf_or_has_the_gpl() -> None:
    names = [file.name.lower() for file in PDFJS.rglob("*")]
    assert not [
        name for name in names if any(word in name for word in ("sandbox", "quickjs", "liberation", ".wasm", ".map"))
    ]
    for name in ("pdf.min.mjs", "pdf.worker.min.mjs"):
        code = (PDFJS / name).read_text(encoding="utf-8")
        assert "new Function(" not in code
        assert " eval(" not in code
