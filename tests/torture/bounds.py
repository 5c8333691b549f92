"""How much memory the process and how much disk the index takes for one hostile file, for every format: a multiple of it."""

from __future__ import annotations

import io
import json
import random
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.fakes import PIPELINE
from tests.torture import Trial
from tests.torture.mutations import made_docx, unzipped, zipped

ROOT = Path(__file__).parent.parent.parent
MEGABYTE = 1_000_000
MEMORY = (150 * MEGABYTE, 100)
DISK = (2 * MEGABYTE, 80)
"""A constant, and how many bytes for each byte of text that the file can hold: its own, or what a packed one may unfold to."""
UNFOLDED = (MEGABYTE, 20)
"""How many characters a packed file may hold: at least so many, and for each byte."""


def words(seed: int, count: int, length: int) -> str:
    chosen = random.Random(seed)
    return " ".join("".join(chosen.choices("abcdefghijklmnopqrstuvwxyz", k=length)) for _ in range(count))


def packed_docx(paragraphs: int, repeated: str) -> bytes:
    parts = unzipped(made_docx())
    body = b"".join(b"<w:p><w:r><w:t>%s</w:t></w:r></w:p>" % repeated.encode() for _ in range(paragraphs))
    parts["word/document.xml"] = parts["word/document.xml"].replace(b"<w:sectPr", body + b"<w:sectPr", 1)
    return zipped(parts)


def shared_pdf(pages: int, lines: int) -> bytes:
    """Return a PDF whose pages all show one stream of text."""
    content = b"BT /F1 9 Tf 10 800 Td 10 TL " + b"(The ferry leaves at noon from the quay) ' " * lines + b"ET"
    kids = b" ".join(b"%d 0 R" % (5 + number) for number in range(pages))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, pages),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        *[b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 3 0 R>>>>>>"] * pages,
    ]
    out, offsets = io.BytesIO(b""), []
    out.write(b"%PDF-1.4\n")
    for number, body in enumerate(objects, start=1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % offset for offset in offsets))
    out.write(b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))
    return out.getvalue()


FILES: dict[str, Callable[[], bytes | str]] = {
    "blankless.txt": lambda: "x" * 4 * MEGABYTE,
    "letters.txt": lambda: "a b c d e " * 200_000,
    "rare.txt": lambda: words(1, 250_000, 5),
    "pairs.txt": lambda: words(2, 400_000, 2),
    "blank.txt": lambda: " " * 4 * MEGABYTE + "x",
    "lines.txt": lambda: "\n" * 2 * MEGABYTE + "x\n" * 500_000,
    "chinese.txt": lambda: "".join(map(chr, random.Random(3).choices(range(0x4E00, 0x9FFF), k=600_000))),
    "emoji.txt": lambda: "\U0001f600" * 400_000,
    "heading.md": lambda: "# " + "h" * 300_000 + "\n\n" + "word " * 6_000,
    "headings.md": lambda: "".join(f"{'#' * (1 + i % 6)} {i}\nx\n" for i in range(150_000)),
    "long-headings.md": lambda: "".join(f"{'#' * (1 + i % 6)} {'wort' * 30} {i}\nx\n" for i in range(8_000)),
    "matter.md": lambda: "---\n" + "".join(f"k{i}: {'v' * 20}\n" for i in range(2_000)) + "---\n" + "word " * 200_000,
    "fence.md": lambda: "```\n" + "code " * 400_000,
    "quote.csv": lambda: 'a,b\n"' + "some text here, and there 12\n" * 300_000,
    "wide.csv": lambda: ",".join(f"column{i}" for i in range(50_000)) + "\n" + ",".join("1" for _ in range(50_000)) + "\n",
    "long-header.csv": lambda: "name of " * 40 + ",b\n" + "1,2\n" * 300_000,
    "rows.tsv": lambda: "a\tb\n" + "1\t2\n" * 400_000,
    "one-line.jsonl": lambda: json.dumps({"text": "word " * 500_000}),
    "keys.jsonl": lambda: json.dumps({f"key{i}": i for i in range(100_000)}),
    "rows.jsonl": lambda: '{"a": 1}\n' * 200_000,
    "escapes.jsonl": lambda: '{"text": "' + "\\u4e2d" * 300_000 + '"}',
    "deep.html": lambda: "<div>" * 200 + "<p>word " * 100_000,
    "tags.html": lambda: "<p>" + "<b>a</b> " * 200_000,
    "attributes.html": lambda: "<p " + "".join(f"a{i}=1 " for i in range(100_000)) + ">" + "word " * 100_000,
    "table.html": lambda: "<table>" + "<tr><td>1<td>2" * 60_000 + "</table>",
    "title.html": lambda: "<title>" + "t" * MEGABYTE + "</title><p>" + "word " * 1_000,
    "paragraphs.docx": lambda: packed_docx(60_000, "word " * 3),
    "bomb.docx": lambda: packed_docx(50, "The ferry leaves at noon. " * 20_000),
    "shared.pdf": lambda: shared_pdf(4_000, 60),
    "large.pdf": lambda: shared_pdf(30, 3_000),
    "code.py": lambda: "def f(x):\n    return x\n\n" * 80_000,
    "data.json": lambda: json.dumps(list(range(300_000))),
}  # fmt: skip
PACKED = (".docx", ".pdf")

INDEX = """
import json, resource, sys, threading, time
from pathlib import Path
from ragqa import Pipeline
from tests.fakes import ECHO, WORDS
import ragqa.index.reader, ragqa.index.writer, ragqa.split, ragqa.pipeline.ingest.refresh, ragqa.load.folder, numpy
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
peak, done = [0], []
def watch():
    while not done:
        peak[0] = max(peak[0], resident())
        time.sleep(0.005)
pipeline = Pipeline.from_file(sys.argv[1], ["load.as_text=['**/*.py', '**/*.json']"], kinds=[WORDS, ECHO])
before = resident()
threading.Thread(target=watch, daemon=True).start()
statuses = []
try:
    statuses = [(entry.status, entry.reason) for entry in pipeline.index().statuses]
except Exception as error:
    statuses = [(type(error).__name__, str(error))]
done.append(True)
print(json.dumps({"memory": peak[0] - before, "statuses": statuses}))
"""


def run(folder: Path, names: tuple[str, ...] = ()) -> Trial:
    """Index each file in a process of its own, beside nothing else.

    :param names: of the files to try; all for none.
    """
    wrong: list[str] = []
    worst: dict[str, tuple[float, str]] = {}
    rejected = 0
    for name in names or FILES:
        made = FILES[name]()
        data = made.encode() if isinstance(made, str) else made
        allowed = max(UNFOLDED[0], UNFOLDED[1] * len(data)) if name.endswith(PACKED) else len(data)
        memory, disk, status = _index(folder / name, name, data)
        rejected += status == "rejected"
        if status not in ("indexed", "rejected"):
            wrong.append(f"{name}: {status}")
        for what, used, (constant, factor) in (("memory", memory, MEMORY), ("disk", disk, DISK)):
            if used > constant + factor * allowed:
                wrong.append(f"{name}: {used / MEGABYTE:.1f} MB of {what} for {len(data) / MEGABYTE:.2f} MB ({status})")
            ratio = max(0.0, used - constant) / allowed
            worst[what] = max(worst.get(what, (0.0, "")), (ratio, name))
    notes = ", ".join(
        f"{what}: {ratio:.0f} times and {c[0] // MEGABYTE} MB ({name})"
        for (what, (ratio, name)), c in zip(worst.items(), (MEMORY, DISK), strict=True)
    )
    return Trial("hostile files of every format", len(names or FILES), wrong, f"{notes}; {rejected} rejected")


def _index(place: Path, name: str, data: bytes) -> tuple[int, int, str]:
    """Return the bytes of memory and of disk that indexing a file takes, and its status; of others the error."""
    (place / "documents").mkdir(parents=True)
    (place / "documents" / name).write_bytes(data)
    (place / "documents" / "sound.txt").write_text("The ferry leaves at noon.", encoding="utf-8")
    (place / "pipeline.yaml").write_text(PIPELINE.replace("kind: recursive", "kind: markdown"), encoding="utf-8")
    command = [sys.executable, "-c", INDEX, str(place / "pipeline.yaml")]
    limit = lambda: resource.setrlimit(resource.RLIMIT_CPU, (300, 300))  # noqa: E731
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=limit)
    if done.returncode:
        return 0, 0, f"the process ended with {done.returncode}: {done.stderr[-200:]}"
    said = json.loads(done.stdout.splitlines()[-1])
    disk = sum(file.stat().st_size for file in (place / "index").rglob("*") if file.is_file())
    statuses = said["statuses"]
    status = next((s for s, reason in statuses if s != "indexed"), "indexed" if len(statuses) == 2 else str(statuses))
    return said["memory"], disk, status
