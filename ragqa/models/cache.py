"""The folders for models and for files made from them, and the functions that write there."""

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
    """Tell whether the setting `offline` (`RAGQA_OFFLINE`) forbids every connection."""
    return settings.load().offline


def model_dir(name: str) -> Path:
    """Return the folder of a built-in model; it exists once the model is pulled."""
    return cache_dir() / "models" / name


def dequantised_dir(sha256: str) -> Path:
    """Return the folder of the safetensors made from the GGUF file with this SHA-256."""
    return cache_dir() / "dequantised" / sha256


def partial_dir(name: str) -> Path:
    """Return the scratch folder of a pull or a conversion.

    It is kept after an interruption, and never used as a model.
    """
    return cache_dir() / "partial" / name


@contextmanager
def lock(name: str, progress: Progress) -> Iterator[None]:
    """Hold the lock of one model. If another process holds it, wait for that process and report it by `progress`.

    The operating system releases the lock when the process ends, so that no lock remains after a crash.

    :raises ResourceError: the cache cannot be written, here or by the code that holds the lock.
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
    """Remove a folder. It is renamed first, so that it is never incomplete under its own name."""
    gone = partial_dir(f"{folder.name}.old")
    remove_tree(gone)
    if folder.exists():
        gone.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(gone)
        remove_tree(gone)


def remove_tree(path: Path) -> None:
    """Remove a file, a link, or a folder with its content, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def require_space(need: int, what: str) -> None:
    """Check that the cache's disk has `need` bytes free.

    :raises ResourceError: the disk has less free space.
    """
    cache_dir().mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache_dir()).free
    if free < need:
        raise ResourceError(
            f"{what} needs {need / 1e6:,.0f} MB free in {cache_dir()}: got {free / 1e6:,.0f} MB; "
            "free some space, or set RAGQA_CACHE to a folder on another disk"
        )
