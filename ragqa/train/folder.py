"""The folder of a training: a checkpoint while it goes on, the model that came of it at the end."""

from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from ragqa.errors import LockedError, ResourceError, UsageError
from ragqa.models.cache import fsync
from ragqa.transformer import Decoder, save_decoder

CHECKPOINT = "training.checkpoint"
WEIGHTS = "model.safetensors"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")


def check(out: Path) -> None:
    """Refuse a folder that holds anything but a training; hidden files do not count.

    :raises UsageError: so.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is no folder: name another one")
    if out.is_dir() and not (out / CHECKPOINT).exists():
        other = next((path.name for path in sorted(out.iterdir()) if not path.name.startswith(".")), None)
        if other:
            raise UsageError(f"{out} holds {other}, and no training to go on with: name a new or empty folder")


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Hold a folder for one training; the system frees it when the process dies.

    :raises LockedError: another process holds it. :raises ResourceError: it cannot be written.
    """
    with _writing(out):
        out.mkdir(parents=True, exist_ok=True)
        handle = os.open(out, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise LockedError(f"another training writes {out}: wait for it to end, or name another folder") from None
    finally:
        os.close(handle)


def save(out: Path, identity: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write a checkpoint; at each instant there is the old one or the new one.

    :param identity: plain data that the state depends on.
    :raises ResourceError: it cannot be written.
    """
    data = io.BytesIO()
    torch.save({"identity": dict(identity), **state}, data)
    scratch = out / f".{CHECKPOINT}.partial"
    with _writing(out):
        out.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(data.getbuffer())
        _move(scratch, out / CHECKPOINT)


def load(out: Path, identity: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the state in a folder's checkpoint, if there is one; nothing in it is run.

    :raises UsageError: it is of another identity (what differs is named), or damaged.
    """
    file = out / CHECKPOINT
    if not file.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(file, weights_only=True)
        before = state.pop("identity")
    except Exception as error:  # torch names no common class for what a damaged file raises
        raise UsageError(f"{file} cannot be read ({type(error).__name__}): remove it, or name another folder") from None
    differing = [f"{key} {before.get(key)}, now {now}" for key, now in identity.items() if before.get(key) != now]
    if differing:
        raise UsageError(f"{out} holds another training ({'; '.join(differing)}): name another folder, or remove it")
    return state


def export(model: Decoder, tokenizer: Path, eos: int, out: Path) -> None:
    """Put the model and its tokenizer beside the checkpoint, as transformers reads them; the weights come last.

    :raises ResourceError: they cannot be written.
    """
    scratch = out / ".partial"
    with _writing(out):
        shutil.rmtree(scratch, ignore_errors=True)
        save_decoder(model, scratch)
        (scratch / "generation_config.json").write_text(json.dumps({"eos_token_id": eos}) + "\n", encoding="utf-8")
        for name in TOKENIZER_FILES:
            if (tokenizer / name).exists():
                shutil.copyfile(tokenizer / name, scratch / name)
        for file in sorted(scratch.iterdir(), key=lambda file: file.name == WEIGHTS):
            _move(file, out / file.name)
        scratch.rmdir()


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    """Turn a fault of the disk into an error that says what to do."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ResourceError(f"{out} cannot be written: {reason}; free some space or name another folder") from None


def _move(scratch: Path, target: Path) -> None:
    """Let a file take a name once its bytes are on disk."""
    fsync(scratch)
    os.replace(scratch, target)
    fsync(target.parent)
