"""Packages of npm that the page and its tests need, each with the SHA-256 of its archive: `make vendor`.

pdf.js is placed beside the page and committed, so that a checkout and the wheel work without npm. axe-core is used by
the tests alone, and kept outside the repository.

Of pdf.js, what opens and draws a page is taken. Left out: the sandbox that runs the scripts of a PDF; the decoders in
WebAssembly, as the same ones in JavaScript need no weaker Content-Security-Policy; and the fonts named Liberation, whose
licence is the GPL. A font that a PDF does not hold is the system's, so that only symbols are taken of the others.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).parents[2]
PDFJS = ROOT / "ragqa" / "serve" / "page" / "vendor" / "pdfjs"
MANIFEST = "manifest.json"
AXE = ROOT / ".cache" / "axe-core" / "axe.min.js"

PDFJS_PACKAGE = ("pdfjs-dist", "6.5.438", "7461aefcd27c4ef0dd76f9ca5760f09466eb6b3f934432670c12132e7b3d6faa")
AXE_PACKAGE = ("axe-core", "4.14.1", "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745")
PLACES = {
    "LICENSE": "LICENSE",
    "build/pdf.min.mjs": "pdf.min.mjs",
    "build/pdf.worker.min.mjs": "pdf.worker.min.mjs",
    "cmaps/*": "cmaps/",
    "standard_fonts/FoxitDingbats.pfb": "standard_fonts/",
    "standard_fonts/FoxitSymbol.pfb": "standard_fonts/",
    "standard_fonts/LICENSE_FOXIT": "standard_fonts/",
    "wasm/*_nowasm_fallback.js": "decoders/",
    "wasm/LICENSE_*JBIG2": "decoders/",
    "wasm/LICENSE_*OPENJPEG": "decoders/",
}
"""Which files of pdf.js are taken, and where they stand."""


def fetched(package: tuple[str, str, str]) -> dict[str, bytes]:
    """Return the files of a package by their names in it.

    :raises SystemExit: the archive is not the pinned one.
    """
    name, version, pinned = package
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", f"{name}@{version}"], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        data = next(Path(folder).glob("*.tgz")).read_bytes()
        found = hashlib.sha256(data).hexdigest()
        if found != pinned:
            raise SystemExit(f"{name} {version} has the SHA-256 {found}, not {pinned}")
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            files = ((member.name.partition("/")[2], archive.extractfile(member)) for member in archive.getmembers())
            return {path: file.read() for path, file in files if file}


def placed(path: str) -> str | None:
    """Return where a file of pdf.js stands, None where it is left out."""
    for pattern, place in PLACES.items():
        if fnmatchcase(path, pattern):
            return place + path.rpartition("/")[2] if place.endswith("/") else place
    return None


def manifest(files: dict[str, bytes]) -> str:
    """Return what was placed, with the SHA-256 of each file."""
    name, version, archive = PDFJS_PACKAGE
    hashes = {path: hashlib.sha256(data).hexdigest() for path, data in sorted(files.items())}
    return json.dumps({"package": name, "version": version, "archive": archive, "files": hashes}, indent=1) + "\n"


def main() -> None:
    """Place pdf.js and axe-core."""
    files = {place: data for path, data in fetched(PDFJS_PACKAGE).items() if (place := placed(path))}
    for place, data in files.items():
        (PDFJS / place).parent.mkdir(parents=True, exist_ok=True)
        (PDFJS / place).write_bytes(data)
    (PDFJS / MANIFEST).write_text(manifest(files), encoding="utf-8")
    print(f"{PDFJS.relative_to(ROOT)}: {len(files)} files, {sum(map(len, files.values())):,} bytes")
    AXE.parent.mkdir(parents=True, exist_ok=True)
    AXE.write_bytes(fetched(AXE_PACKAGE)["axe.min.js"])


if __name__ == "__main__":
    main()
