"""A full disk: at every write of a commit, at every size that a file may have, on a small file system; and failed syncs."""

from __future__ import annotations

import multiprocessing
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

from ragqa.errors import RagqaError
from ragqa.index import connection, publication
from tests.torture import Trial
from tests.torture.power import COMMITS, Work, prepare
from tests.torture.vfs import Change, watched
from tests.torture.world import Texts, snapshot, violations_of

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])

WRITES = ("create", "write")
TRIED = ("first", "update", "texts", "vectors", "compaction", "search structure", "purge", "gc")


def at_every_write(folder: Path, commits: Sequence[str] = TRIED) -> Trial:
    """Refuse the n-th write and all that follow, for every n."""
    tried, wrong = _refuse_each(folder, commits, WRITES)
    return Trial("disk full at every write of a commit", tried, wrong)


def at_every_sync(folder: Path, commits: Sequence[str] = TRIED) -> Trial:
    """Let the n-th sync and all that follow fail, for every n."""
    tried, wrong = _refuse_each(folder, commits, ("sync",))
    return Trial("input/output error at every sync of a commit", tried, wrong)


def at_every_size(folder: Path, limits: int = 100) -> Trial:
    """Let the kernel refuse to let any file grow beyond a limit (`RLIMIT_FSIZE`), over a sweep of limits."""
    base, after = _base(folder, "update")
    before, largest = snapshot(base), 2 * (base / "ragqa.db").stat().st_size
    wrong: list[str] = []
    failed = 0
    for number in range(limits):
        place, limit = _fresh(base, folder), largest * (number + 1) // limits
        receiver, sender = _CONTEXT.Pipe(duplex=False)
        process = _CONTEXT.Process(target=_limited, args=(place, limit, sender))
        process.start()
        message = receiver.recv()
        process.join()
        failed += message is not None
        wrong += [f"limit of {limit} bytes: {what}" for what in _check(place, before, after, message)]
    wrong += [] if 0 < failed < limits else [f"{failed} failed"]
    return Trial("disk full by a limit on file sizes", limits, wrong, f"{failed} failed, the others had room")


def on_a_small_disk(folder: Path, steps: int = 40) -> Trial | None:
    """Fill a file system of 2 MB but for a little, over a sweep; None where this user may not mount one."""
    disk = folder / "disk"
    disk.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if (
        sys.platform != "linux"
        or os.geteuid() != 0
        or subprocess.run(mount, check=False, capture_output=True).returncode
    ):
        return None
    wrong: list[str] = []
    failed = 0
    try:
        base, after = _base(folder, "update")
        before = snapshot(base)
        # else a run stops before it writes: it asks for a megabyte to spare
        publication._MARGIN_BYTES = -(1 << 20)
        for step in range(steps):
            place = disk / "index"
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(base, place)
            filler = disk / "filler"
            filler.write_bytes(b"x" * max(0, shutil.disk_usage(disk).free - 8192 * step))
            message = _message(place, COMMITS["update"])
            failed += message is not None
            wrong += [f"{8192 * step} bytes free: {what}" for what in _check(place, before, after, message)]
            filler.unlink()
    finally:
        publication._MARGIN_BYTES = 1 << 20
        subprocess.run(["umount", str(disk)], check=True)
    wrong += [] if 0 < failed < steps else [f"{failed} failed"]
    return Trial("disk full on a file system of 2 MB", steps, wrong, f"{failed} failed, the others had room")


def _refuse_each(folder: Path, commits: Sequence[str], kinds: Sequence[str]) -> tuple[int, list[str]]:
    wrong: list[str] = []
    tried = 0
    for name in commits:
        base, after = _base(folder, name)
        before = snapshot(base)
        count: list[str] = []
        _message(_fresh(base, folder), COMMITS[name], kinds, count)
        for n in range(len(count)):
            place = _fresh(base, folder)
            message = _message(place, COMMITS[name], kinds, [], n)
            found = _check(place, before, after, message, orphans="sync" not in kinds)
            wrong += [f"{name}, {kinds[-1]} {n} of {len(count)}: {what}" for what in found]
            tried += 1
    return tried, wrong


def _base(folder: Path, name: str) -> tuple[Path, dict[int, Texts]]:
    """Return an index on which a commit can be tried, and what a try that has room makes of it."""
    base = folder / f"base-{name.replace(' ', '-')}"
    prepare(base, name)
    done = _fresh(base, folder)
    COMMITS[name](done)
    return base, snapshot(done)


def _fresh(base: Path, folder: Path) -> Path:
    place = folder / "place"
    shutil.rmtree(place, ignore_errors=True)
    if base.exists():
        shutil.copytree(base, place)
    return place


def _message(
    place: Path, work: Work, kinds: Sequence[str] = (), asked: list[str] | None = None, refuse_from: int | None = None
) -> str | None:
    """Do the work; return the message of its error with the exit code, None where it ended well.

    :param asked: gets the path of each change of these kinds; from the n-th on they are refused.
    """
    paths = asked if asked is not None else []

    def before(change: Change) -> bool:
        if change.kind not in kinds:
            return True
        paths.append(change.path)
        return refuse_from is None or len(paths) <= refuse_from

    try:
        with watched(before):
            work(place)
    except RagqaError as error:
        return f"{error} (exit code {error.exit_code})"
    return None


def _limited(place: Path, limit: int, sender: Connection) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    sender.send(_message(place, COMMITS["update"]))


def _check(
    place: Path, before: Mapping[int, Texts], after: Mapping[int, Texts], message: str | None, *, orphans: bool = True
) -> list[str]:
    """Return what is wrong: a failure must keep a whole generation, and say which; and nothing may be left over.

    Work of several commits may be done up to one before its last; its message then names that generation.
    """
    if message is None:
        allowed = dict(after)
    elif not message.endswith("(exit code 7)"):
        return [message]
    else:
        ((first, old),), ((last, new),) = before.items(), after.items()
        allowed = {first: old} | dict.fromkeys(range(first + 1, last + 1), new)
    generation, wrong = violations_of(place, allowed)
    said = re.findall(r"generation (\d+)( or the next)?", message or "")
    if message and generation > min(before) and generation not in {int(g) + bool(next) for g, next in said}:
        wrong = [*wrong, f"generation {generation} is there, but not in {message!r}"]
    return wrong + [f"{file} was left over" for file in (_leftovers(place) if orphans else [])]


def _leftovers(place: Path) -> list[str]:
    """Return the files that belong to no generation. The log and its index belong to the database."""
    if not (place / "ragqa.db").exists():
        return [file.name for file in place.rglob("*") if file.is_file() and file.name != "LOCK"]
    with closing(connection.connect(place, "ro")) as db:
        return [file.name for file in publication.orphan_files(db, place)]
