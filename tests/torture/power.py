"""Power loss at every step of a commit: unsynced writes may be lost, partial, reordered, zeroed or damaged.

The changes of a commit are recorded, SQLite's among them. For each prefix of them, and each kind of damage to what was
not yet synced, the files are laid out as the disk could show them afterwards, and a reader opens them. A file's name
counts as lost or kept independently of its content (Pillai et al., OSDI 2014).
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from ragqa.index import publication, upkeep
from ragqa.index.place import DATABASE, LOCK
from ragqa.index.writer import LocalWriter
from ragqa.pipeline.ingest.maintenance import Maintenance
from tests.torture import Trial
from tests.torture.vfs import Change, watched
from tests.torture.world import (
    IDENTITY,
    Texts,
    commit,
    embed_pending,
    make_text,
    publish,
    snapshot,
    texts_in,
    told_of_commits,
    violations_of,
    write,
)  # fmt: skip

DAMAGES = ("lost", "kept", "first half", "second half", "zeroed", "one bit flipped")
"""What becomes of the writes to a file that were not synced."""

MIXED = "each file its own"
"""Every file has a damage of its own, and every name is lost or kept by itself."""


@dataclass
class _File:
    synced: bytes = b""
    pending: list[Change] = field(default_factory=list)

    def content(self, damage: str, chosen: random.Random) -> bytes:
        """Return what the file holds after a power cut."""
        half = len(self.pending) // 2
        kept = {"lost": [], "first half": self.pending[:half], "second half": self.pending[half:]}
        content = bytearray(self.synced)
        for change in kept.get(damage, self.pending):
            _apply(content, change, damage)
        written = [change for change in self.pending if change.data]
        if damage == "one bit flipped" and written:
            change = chosen.choice(written)
            at = change.at + chosen.randrange(len(change.data))
            if at < len(content):
                content[at] ^= 1 << chosen.randrange(8)
        return bytes(content)

    def sync(self) -> None:
        self.synced, self.pending = self.content("kept", random.Random(0)), []


def _apply(content: bytearray, change: Change, damage: str) -> None:
    if change.kind == "truncate":
        content[change.at :] = b""
        return
    content.extend(b"\0" * (change.at + len(change.data) - len(content)))
    content[change.at : change.at + len(change.data)] = b"\0" * len(change.data) if damage == "zeroed" else change.data


class _Disk:
    """The files of a folder: under the names that are sure, and under those that they have while the power is on."""

    def __init__(self, folder: Path) -> None:
        files = (file for file in folder.rglob("*") if file.is_file() and not file.name.endswith("-shm"))
        self.sure = {str(file): _File(file.read_bytes()) for file in files}
        self.now = dict(self.sure)

    def change(self, change: Change) -> None:
        if change.kind == "create":
            self.now[change.path] = _File()
        elif change.kind in ("write", "truncate"):
            self.now[change.path].pending.append(change)
        elif change.kind == "sync":
            self.now[change.path].sync()
            if change.path.endswith("-wal"):  # SQLite syncs the folder with the first sync of a new log
                self._sync_names(os.path.dirname(change.path))
        elif change.kind == "rename":
            self.now[change.new] = self.now.pop(change.path)
        elif change.kind == "remove":
            self.now.pop(change.path, None)
        else:
            self._sync_names(change.path)

    def _sync_names(self, folder: str) -> None:
        elsewhere = {path: file for path, file in self.sure.items() if os.path.dirname(path) != folder}
        self.sure = elsewhere | {path: file for path, file in self.now.items() if os.path.dirname(path) == folder}

    def after_power_cut(self, damage: str, names_kept: bool, seed: int) -> dict[str, bytes]:
        chosen = random.Random(f"{seed} {names_kept}")
        names = self.now if names_kept else self.sure
        if damage == MIXED:
            either = {path: chosen.choice((self.now, self.sure)) for path in sorted({**self.now, **self.sure})}
            names = {path: names[path] for path, names in either.items() if path in names}
        return {
            path: file.content(chosen.choice(DAMAGES) if damage == MIXED else damage, chosen)
            for path, file in sorted(names.items())
        }


Work = Callable[[Path], object]


def _compact(path: Path) -> None:
    with LocalWriter(path, None) as writer:
        upkeep.compact(writer)


def _purge(path: Path) -> None:
    with LocalWriter(path, None) as writer:
        writer.purge(["0.txt"])


def _build(path: Path) -> None:
    with LocalWriter(path, None, search="hnsw") as writer:
        writer.maintain()


def _in_two(path: Path) -> None:
    """Commit twice before the seal: the log holds both."""
    with LocalWriter(path, IDENTITY) as writer:
        commit(writer, {"8.txt": make_text(8)})
        commit(writer, {"9.txt": make_text(9)}, ["8.txt"])


def _texts_first(path: Path) -> None:
    """Publish texts, then their vectors in parts; a document goes in between."""
    publish(path, {"8.txt": make_text(8), "9.txt": make_text(9)})
    embed_pending(path, 4, 8)
    publish(path, {}, ["8.txt"])
    embed_pending(path, 4)


COMMITS: dict[str, Work] = {
    "first": lambda path: write(path, {"0.txt": make_text(0), "1.txt": make_text(1)}),
    "update": lambda path: write(path, {"1.txt": make_text(7), "2.txt": make_text(2)}, ["0.txt"]),
    "two commits": _in_two,
    "texts first": _texts_first,
    "texts": lambda path: publish(path, {"8.txt": make_text(8), "1.txt": make_text(7)}, ["0.txt"]),
    "vectors": lambda path: embed_pending(path, 12, 12),
    "compaction": _compact,
    "search structure": _build,
    "purge": _purge,
    "gc": lambda path: Maintenance(path).collect(),
}


def prepare(path: Path, name: str) -> None:
    """Make the index on which one of `COMMITS` is tried."""
    if name != "first":
        for step in range(3):
            write(path, {f"{step}.txt": make_text(step), f"{step}b.txt": make_text(100 + step)})
    if name == "vectors":
        publish(path, {"8.txt": make_text(8), "9.txt": make_text(9)})


@dataclass
class _Recording:
    """The changes of some work, and what the index held after each commit: how many changes there were by then."""

    changes: list[Change]
    commits: list[tuple[int, int, Texts]]

    def allowed(self, n: int) -> dict[int, Texts]:
        """Return what may be found by generation after the first n changes: the last acknowledged commit or the next."""
        done = sum(position <= n for position, _, _ in self.commits)
        return {generation: texts for _, generation, texts in self.commits[done - 1 : done + 1]}


def _record(path: Path, work: Work, before: Mapping[int, Texts]) -> _Recording:
    changes: list[Change] = []
    commits = [(0, generation, texts) for generation, texts in before.items()]

    def note(publisher: publication.Publisher) -> None:
        commits.append((len(changes), publisher.generation, texts_in(publisher.db)))

    def record(change: Change) -> bool:
        changes.append(change)
        return True

    with watched(record), told_of_commits(note):
        work(path)
    return _Recording(changes, commits)


def run(folder: Path, commits: Sequence[str] = tuple(COMMITS), every: int = 1) -> Trial:
    """Cut the power after every prefix (or each `every`-th) of the changes of some commits."""
    wrong: list[str] = []
    cuts, states = 0, 0
    for name in commits:
        path = folder / name.replace(" ", "-")
        prepare(path, name)
        before = snapshot(path)
        disk = _Disk(path)
        recording = _record(path, COMMITS[name], before)
        seen: set[str] = set()
        for n, change in enumerate(recording.changes, start=1):
            disk.change(change)
            if n % every and n != len(recording.changes):
                continue
            for damage, names_kept in product((*DAMAGES, MIXED), (False, True)):
                files = disk.after_power_cut(damage, names_kept, n)
                state = hashlib.sha256(repr(files).encode()).hexdigest()
                cuts += 1
                if state not in seen:
                    seen.add(state)
                    where = f"{name}, change {n} ({change.kind}), {damage}, names kept: {names_kept}"
                    found = _check(
                        {Path(f).relative_to(path): content for f, content in files.items()},
                        folder,
                        recording.allowed(n),
                    )
                    wrong += [f"{where}: {what}" for what in found]
        states += len(seen)
    return Trial("lost or reordered unsynced writes", states, wrong, f"different states, of {cuts:,} power cuts")


def _check(files: Mapping[Path, bytes], folder: Path, allowed: Mapping[int, Texts]) -> list[str]:
    """Lay the files out, let a reader open them, then let a writer go on."""
    place = folder / "after"
    shutil.rmtree(place, ignore_errors=True)
    for file, content in files.items():
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).write_bytes(content)
    if not files.get(Path(DATABASE), b"").startswith(b"SQLite"):  # a first run syncs its note before it writes anything
        place.mkdir(parents=True, exist_ok=True)
        (place / LOCK).write_text("pid 1 since 2026-01-01T00:00:00+00:00".ljust(64), encoding="utf-8")
    generation, wrong = violations_of(place, allowed)
    if not wrong:
        new = {"after.txt": make_text(999)}
        write(place, new)
        _, wrong = violations_of(place, {generation + 1: {**allowed[generation], **new}})
    return wrong
