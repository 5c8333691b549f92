"""The cache of models: its folders, its locks, and the checks of what lies there."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import platformdirs

from ragqa.errors import ModelError, ResourceError
from ragqa.models.table import Builtin

Progress = Callable[[str], None]

_MANIFEST = "ragqa.json"


def cache_dir() -> Path:
    """Return `$RAGQA_CACHE`, else the platform's user cache folder for ragqa."""
    override = os.environ.get("RAGQA_CACHE")
    return Path(override) if override else Path(platformdirs.user_cache_dir("ragqa", appauthor=False))


def offline() -> bool:
    """Return whether `RAGQA_OFFLINE` forbids every connection."""
    return os.environ.get("RAGQA_OFFLINE", "") not in ("", "0")


def model_dir(name: str) -> Path:
    """Return where a built-in model lies once it is pulled."""
    return cache_dir() / "models" / name


def partial_dir(name: str) -> Path:
    """Return the scratch folder of a pull or a conversion; it outlives an interruption, and is never read as a model."""
    return cache_dir() / "partial" / name


def fault(model: Builtin) -> str | None:
    """Return what is wrong with a built-in model's copy in the cache; None where every file has its recorded size."""
    return damage(model_dir(model.name), {model.weights: model.size})


def damage(folder: Path, sizes: Mapping[str, int] = MappingProxyType({})) -> str | None:
    """Return what is wrong with a folder that `publish` made; None where every file has the size recorded then.

    :param sizes: bytes of files that are known besides, by name.
    """
    try:
        recorded = json.loads((folder / _MANIFEST).read_text(encoding="utf-8")).get("sizes", {})
    except FileNotFoundError:
        return "is not here"
    except (ValueError, AttributeError):
        return f"is damaged ({_MANIFEST} cannot be read)"
    for name, size in {**recorded, **sizes}.items():
        path = folder / name
        actual = path.stat().st_size if path.is_file() else 0
        if actual != size:
            return f"is damaged ({name} has {actual:,} bytes; must have {size:,})"
    return None


@contextmanager
def lock(name: str, progress: Progress) -> Iterator[None]:
    """Hold the lock of one model; waits for another process that holds it, and says so.

    The system frees it when a process dies, so no lock is ever left behind.
    """
    path = cache_dir() / "locks" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"{name}: another process is at work on it: waiting")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def publish(work: Path, folder: Path, **facts: str) -> None:
    """Make `work` the folder in one rename, after its bytes are on disk. An older folder is moved aside first.

    The size of every file is recorded in it, with `facts`.
    """
    sizes = {str(p.relative_to(work)): p.stat().st_size for p in sorted(work.rglob("*")) if p.is_file()}
    (work / _MANIFEST).write_text(json.dumps({**facts, "sizes": sizes}, indent=1), encoding="utf-8")
    for path in (*work.rglob("*"), work):
        fsync(path)
    folder.parent.mkdir(parents=True, exist_ok=True)
    discard(folder)
    work.rename(folder)
    fsync(folder.parent)


def discard(folder: Path) -> None:
    """Remove a folder so that no half of it is ever seen under its name."""
    if folder.exists():
        gone = partial_dir(f"{folder.name}.old")
        shutil.rmtree(gone, ignore_errors=True)
        gone.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(gone)
        shutil.rmtree(gone)


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


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def remembered_sha256(path: Path) -> str:
    """Return `file_sha256`, kept in the cache by the file's path, size and time of change."""
    status = path.stat()
    stamp = [str(path.resolve()), status.st_size, status.st_mtime_ns]
    memo = cache_dir() / "hashes" / hashlib.sha256(json.dumps(stamp).encode()).hexdigest()
    if memo.exists():
        return memo.read_text(encoding="ascii")
    digest = file_sha256(path)
    memo.parent.mkdir(parents=True, exist_ok=True)
    scratch = memo.with_suffix(f".{os.getpid()}")
    scratch.write_text(digest, encoding="ascii")
    scratch.replace(memo)
    return digest


def weights_sha256(folder: Path) -> str:
    """Return one SHA-256 over a folder's weights files.

    :raises ModelError: the folder has no weights of a format that is loaded.
    """
    files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.gguf"))
    if not files:
        raise ModelError(f"no *.safetensors or *.gguf in {folder}: only these formats are loaded")
    return hashlib.sha256("".join(map(remembered_sha256, files)).encode()).hexdigest()


def fsync(path: Path) -> None:
    """Have the bytes of a file, or the names in a folder, on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
