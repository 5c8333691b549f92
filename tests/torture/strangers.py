"""Index, rebuild, gc, purge, repair and doctor in folders full of other people's files, and with names that are links."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from ragqa.errors import RagqaError
from ragqa.index.writer import LocalWriter
from ragqa.pipeline.ingest.maintenance import Maintenance
from tests.torture import Trial
from tests.torture.world import IDENTITY, commit, make_text, write

NAMES = (
    "LOCK", "SEAL", "ragqa.db", "ragqa.db-wal", "ragqa.db-shm", "ragqa.db-journal", ".ragqa.db.tmp", ".ragqa.db.tmp-wal",
    ".SEAL.tmp", ".LOCK.tmp", ".draft.tmp", ".x.tmp~", "thesis.docx", "seg", "seg/.writing.tmp", "seg/notes.txt",
    "seg/0.f32", f"seg/{'a' * 64}.f32.bak", f"seg/{'b' * 64}.txt", f"seg/{'c' * 63}.ann", "seg/deep/file", "photos/1.jpg",
    ".git/config", "index.faiss", "seg/LOCK",
)  # fmt: skip
"""Names of ragqa's files and of others; all of them may be in a folder that is given as index.path."""
OURS = (
    "LOCK", "SEAL", "ragqa.db", "ragqa.db-wal", "ragqa.db-shm", "ragqa.db-journal", ".ragqa.db.tmp", ".ragqa.db.tmp-wal",
    ".SEAL.tmp", "seg/.writing.tmp",
)  # fmt: skip


def run(folder: Path, folders: int = 200, seed: int = 0) -> Trial:
    """Do everything to each folder; no file that was there before it was an index, or is beside one, may change."""
    chosen = random.Random(seed)
    base = folder / "base"
    write(base, {"a.txt": make_text(1), "b.txt": make_text(2)})
    wrong: list[str] = []
    outcomes: Counter[str] = Counter()
    for number in range(folders):
        place, outside = folder / f"{number}" / "index", folder / f"{number}" / "outside"
        outside.mkdir(parents=True)
        kind = ("others", "links", "hard links")[number % 3]
        if kind == "others":
            _with_others(place, base if number % 2 else None, chosen)
        else:
            shutil.copytree(base, place)
            _with_links(place, outside, chosen, hard=kind == "hard links")
        before = _foreign(place, outside, base if (place / "ragqa.db").exists() else None)
        operations = list(OPERATIONS)
        chosen.shuffle(operations)
        for operation in operations:
            outcomes[f"{kind}: {_do(operation, place)}"] += 1
            if lost := _lost(before, place.parent):
                wrong.append(f"folder {number} ({kind}): {operation} changed {lost[0]}")
                break
        shutil.rmtree(place.parent)
    return Trial("folders of other people's files and links", folders, wrong, _notes(outcomes))


def _index(path: Path) -> None:
    write(path, {"c.txt": make_text(3)})


def _rebuild(path: Path) -> None:
    with LocalWriter(path, IDENTITY, rebuild=True) as writer:
        commit(writer, {"d.txt": make_text(4)})


def _repair(path: Path) -> None:
    index = Maintenance(path)
    index.repair(index.check())


OPERATIONS: Mapping[str, Callable[[Path], object]] = {
    "index": _index,
    "rebuild": _rebuild,
    "gc": lambda path: Maintenance(path).collect(),
    "purge": lambda path: Maintenance(path).purge(["a.txt"]),
    "doctor": lambda path: Maintenance(path).check(),
    "repair": _repair,
}


def _do(operation: str, path: Path) -> str:
    try:
        OPERATIONS[operation](path)
        return "done"
    except RagqaError as error:
        return type(error).__name__


def _with_others(place: Path, base: Path | None, chosen: random.Random) -> None:
    """Fill a folder with files under names that are drawn; beside an index only under names that are not ours."""
    if base:
        shutil.copytree(base, place)
    place.mkdir(exist_ok=True)
    names = [name for name in NAMES if not base or (name not in OURS and name != "seg")]
    for name in chosen.sample(names, chosen.randint(1, 6)):
        file = place / name
        if file.exists() or any(parent.is_file() for parent in file.parents):
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(chosen.randbytes(chosen.choice((0, 10, 64, 64, 500))))


def _with_links(place: Path, outside: Path, chosen: random.Random, *, hard: bool) -> None:
    """Put links to files outside in the place of names of ours; `seg` itself and segments among them."""
    for name in chosen.sample(OURS, chosen.randint(1, 3)):
        target = outside / name.replace("/", "-")
        own = place / name
        target.write_bytes(own.read_bytes() if own.exists() and chosen.random() < 0.5 else chosen.randbytes(200))
        own.unlink(missing_ok=True)
        own.hardlink_to(target) if hard else own.symlink_to(target)
    if not hard and chosen.random() < 0.3:
        shutil.move(place / "seg", outside / "seg")
        (outside / "seg" / "recording.wav").write_bytes(b"RIFF")
        (place / "seg").symlink_to(outside / "seg")
    elif not hard and chosen.random() < 0.3:
        segment = next((place / "seg").glob("*.f32"))
        shutil.move(segment, outside / segment.name)
        segment.symlink_to(outside / segment.name)


def _foreign(place: Path, outside: Path, base: Path | None) -> dict[str, bytes]:
    """Return the bytes of files that do not belong to the index, by path; a folder is marked by its name."""
    own = {str(path.relative_to(base)) for path in base.rglob("*")} | set(OURS) | {"seg"} if base else {"seg"}
    files = [path for path in place.rglob("*") if str(path.relative_to(place)) not in own]
    files += outside.rglob("*")
    return {
        str(path.relative_to(place.parent)): path.read_bytes()
        for path in files
        if path.is_file() and not path.is_symlink()
    }


def _lost(before: Mapping[str, bytes], root: Path) -> list[str]:
    return [
        name for name, data in before.items() if not os.path.lexists(root / name) or (root / name).read_bytes() != data
    ]


def _notes(outcomes: Counter[str]) -> str:
    return ", ".join(f"{n} {what}" for what, n in sorted(outcomes.items()))
