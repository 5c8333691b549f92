"""The folders in which models and files made from them are kept, and the ways to write there."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ragqa import settings
from ragqa.errors import ResourceError

Progress = Callable[[str], None]


def cache_dir() -> Path:
    """Return the folder of the setting `cache` (`RAGQA_CACHE`)."""
    return settings.load().cache


def offline() -> bool:
    """Return whether the setting `offline` (`RAGQA_OFFLINE`) forbids every connection."""
    return settings.load().offline


def model_dir(name: str) -> Path:
    """Return where a built-in model lies once it is pulled."""
    return cache_dir() / "models" / name


def dequantised_dir(sha256: str) -> Path:
    """Return where the safetensors of a GGUF file with this SHA-256 lie."""
    return cache_dir() / "dequantised" / sha256


def partial_dir(name: str) -> Path:
    """Return the scratch folder of a pull or a conversion; it outlives an interruption, and is never read as a model."""
    return cache_dir() / "partial" / name


@contextmanager
def lock(name: str, progress: Progress) -> Iterator[None]:
    """Hold the lock of one model; waits for another process that holds it, and says so.

    The system frees it when a process dies, so no lock is ever left behind.

    :raises ResourceError: the cache cannot be written; also for what is done to it while the lock is held.
    """
    path = cache_dir() / "locks" / f"{name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="ascii") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress(f"{name}: another process is at work on it: waiting")
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise ResourceError(
            f"cannot write to the cache {cache_dir()}: {error.strerror or error}; free some space, or set RAGQA_CACHE to "
            "a folder that can be written"
        ) from error


def discard(folder: Path) -> None:
    """Remove a folder so that no half of it is ever seen under its name."""
    gone = partial_dir(f"{folder.name}.old")
    remove_tree(gone)
    if folder.exists():
        gone.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(gone)
        remove_tree(gone)


def remove_tree(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it; nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def require_space(need: int, what: str) -> None:
    """Check that the cache's disk has `need` bytes free.

    :raises ResourceError: it has not.
    """
    cache_dir().mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache_dir()).free
    if free < need:
        raise ResourceError(
            f"{what} needs {need / 1e6:,.0f} MB free in {cache_dir()}: got {free / 1e6:,.0f} MB; "
            "free some space, or set RAGQA_CACHE to a folder on another disk"
        )
