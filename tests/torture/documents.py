"""Wild front matter, titles, headers and rows through `Pipeline.index` to the commit: a status for each file, every time.

A file is made of its number alone. The run must not end because of one, and what it commits must be sound.
"""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ragqa import Pipeline
from ragqa.index import doctor
from tests.fakes import ECHO, PIPELINE, WORDS
from tests.torture import Trial

BATCH = 100
_PIECES = (
    "\x00", "\x1b[2J", "\ud83d".encode("utf-8", "surrogatepass").decode("latin-1"), "\ufeff", "\u202e", "\u2028", "\x85", "\t", "\r",
    "\\ud800", "\\udfff\\ud800", "&#xD800;", "&#0;", "\U0001f600", "e\u0301", "'", '"', "{", "[", "}", "]", "|", ">", "&a", "*a",
    "!!python/object:os.system", "<<", "? ", ": ", "- ", "# ", "---", "...", "```", "~~~", "0x" + "f" * 5000, "1" * 5000, "1e999",
    "-.inf", ".nan", "1:2:3.5", ":".join(["59"] * 800) + ".5", "2024-13-45", "2024-01-01T00:00:00+99:99", "0o777", "0b11", "yes",
    "null", "~", "x" * 3000, "é" * 2000, "中" * 1500, "\u0e01" * 800, " " * 500, "a,b;c", "=cmd|'/c calc'!A0", "<script>", "]]>", "%",
)  # fmt: skip
_KEYS = (
    "title",
    "author",
    "date",
    "tags",
    "description",
    "lang",
    "a b",
    "x" * 300,
    "é",
    "0x1",
    "",
    "[a]",
    "{b: c}",
    "title",
)


def piece(rng: random.Random) -> str:
    return rng.choice(_PIECES) if rng.random() < 0.7 else "".join(chr(rng.randrange(1, 0x3000)) for _ in range(20))


def text(rng: random.Random, most: int = 6) -> str:
    parts = [piece(rng) if rng.random() < 0.5 else "The ferry leaves at noon. " for _ in range(rng.randint(1, most))]
    return "".join(parts)


def markdown(rng: random.Random) -> str:
    lines = []
    for _ in range(rng.randint(0, 6)):
        value = rng.choice((piece(rng), json.dumps(piece(rng)), f"[{piece(rng)}, {piece(rng)}]", f"\n  - {piece(rng)}"))
        lines.append(f"{rng.choice((*_KEYS, piece(rng)))}: {value}")
    fence = rng.choice(("---", "---", "--- ", "...", ""))
    body = "".join(f"{'#' * rng.randint(0, 7)} {text(rng, 3)}\n\n{text(rng)}\n\n" for _ in range(rng.randint(1, 3)))
    return f"---\n{chr(10).join(lines)}\n{fence}\n{body}The ferry leaves at noon.\n"


def table(rng: random.Random) -> str:
    delimiter = rng.choice(",;\t|")
    row = [
        delimiter.join(rng.choice((piece(rng), f'"{piece(rng)}"', f'"{piece(rng)}')) for _ in range(rng.randint(1, 5)))
    ]
    top = rng.choice(("", "", "", f"sep={delimiter}\n", f"{piece(rng)}\n\n", f"{piece(rng)}{delimiter}{piece(rng)}\n"))
    rows = [delimiter.join(piece(rng) for _ in range(3)) for _ in range(rng.randint(0, 8))]
    if rows and rng.random() < 0.3:
        rows.insert(rng.randrange(len(rows)), "\n" * rng.randint(0, 2))
    return top + "\n".join(row + rows) + "\nferry,noon\n"


def json_lines(rng: random.Random) -> str:
    def value(depth: int) -> object:
        kinds = [piece(rng), rng.randrange(10**6), 1e300, None, True, [piece(rng)], {piece(rng)[:50]: piece(rng)}]
        return {"deeper": value(depth - 1)} if depth and rng.random() < 0.3 else rng.choice(kinds)

    rows = [json.dumps({rng.choice(("text", "title", piece(rng)[:50])): value(3)}) for _ in range(rng.randint(1, 5))]
    rows.insert(
        rng.randrange(len(rows) + 1),
        rng.choice(
            ('{"text": "\\ud800"}', '{"text": 0x1}', '{"n": ' + "9" * 5000 + "}", '{"text": "ferry"}', "[" * 300)
        ),
    )
    return "\n".join(rows) + "\n"


def json_document(rng: random.Random) -> str:
    """Return the same rows as one array, inside an object or not."""
    array = "[" + ",\n".join(json_lines(rng).splitlines()) + "]"
    return rng.choice(("{}", '{{"n": 1, "in": {{"rows": {}}}}}', '{{"a": {0}, "b": {0}}}')).format(array)


def page(rng: random.Random) -> str:
    metas = "".join(f"<meta name={rng.choice(_KEYS)!r} content={piece(rng)[:200]!r}>" for _ in range(rng.randint(0, 4)))
    return f"<html><head><title>{text(rng, 3)}</title>{metas}</head><body><h1>{text(rng, 2)}</h1><p>{text(rng)}</p><p>The ferry leaves at noon.</p></body></html>"


MAKERS: dict[str, Callable[[random.Random], str]] = {
    ".md": markdown, ".txt": text, ".csv": table, ".tsv": table, ".jsonl": json_lines, ".json": json_document, ".html": page,
}  # fmt: skip


def made(number: int, seed: int) -> tuple[str, bytes]:
    """Return the name and the bytes of a file."""
    rng = random.Random(f"{seed} {number}")
    suffix = list(MAKERS)[number % len(MAKERS)] if rng.random() < 0.7 else ".md"
    encoding = rng.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"))
    return f"{number:05}{suffix}", MAKERS[suffix](rng).encode(
        encoding, "surrogatepass" if encoding == "utf-8" else "replace"
    )


def run(folder: Path, files: int = 2000, seed: int = 0) -> Trial:
    """Index the files in batches; each batch replaces the one before."""
    (folder / "documents").mkdir(parents=True)
    (folder / "pipeline.yaml").write_text(PIPELINE.replace("kind: recursive", "kind: markdown"), encoding="utf-8")
    wrong: list[str] = []
    found: Counter[str] = Counter()
    for first in range(0, files, BATCH):
        batch = dict(made(number, seed) for number in range(first, min(first + BATCH, files)))
        wrong += _index(folder, batch, found)
    notes = ", ".join(f"{n} {status}" for status, n in sorted(found.items()))
    return Trial("wild front matter, titles, headers and rows", files, wrong, notes)


def _index(folder: Path, batch: dict[str, bytes], found: Counter[str]) -> list[str]:
    documents = folder / "documents"
    shutil.rmtree(documents)
    documents.mkdir()
    for name, data in batch.items():
        (documents / name).write_bytes(data)
    (documents / "sound.md").write_text("---\ntitle: Sound\n---\nThe ferry leaves at noon.\n", encoding="utf-8")
    try:
        report = Pipeline.from_file(folder / "pipeline.yaml", kinds=[WORDS, ECHO]).index(allow_empty=True)
    except Exception as error:
        return [f"{min(batch)} to {max(batch)}: index() raised {type(error).__name__}: {error}"[:500]]
    statuses = {entry.source: entry for entry in report.statuses}
    wrong = [f"{name}: no status" for name in batch if name not in statuses]
    for source, entry in statuses.items():
        found[entry.status] += 1
        if entry.status not in ("indexed", "rejected") and source != "sound.md":
            wrong.append(f"{source}: {entry.status}")
        if entry.status == "rejected" and not (entry.reason.strip() and entry.reason.isprintable()):
            wrong.append(f"{source}: its reason is not one line of text: {entry.reason!r}")
    if statuses["sound.md"].status not in ("indexed", "unchanged"):
        wrong.append(f"a sound file was {statuses['sound.md']}")
    return wrong + [f"{min(batch)}: {fault.file}: {fault.what}" for fault in doctor.check(folder / "index").faults]
