"""The folder of a training: a checkpoint while it runs, the finished model at the end."""

from __future__ import annotations

import filecmp
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from ragqa.errors import LockedError, ResourceError, UsageError
from ragqa.files import open_regular
from ragqa.outputs import check_own, locked, made, replace, sweep, sync, writing
from ragqa.transformer import Decoder, save_decoder

CHECKPOINT = "training.checkpoint"
WEIGHTS = "model.safetensors"
_EXPORT = ".export."
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
EXPORTED = ("config.json", "generation_config.json", WEIGHTS, *TOKENIZER_FILES)
"""The files of the trained model."""


def check(out: Path, exported: Sequence[str] = EXPORTED) -> None:
    """Refuse a folder that contains other files than those of a training; hidden files do not count.

    :param exported: the names of the files of the finished model.

    :raises UsageError: the folder contains another file, or it is not a folder.
    :raises RefusedError: one of the files of a training is a link.
    """
    with writing(out):
        names = sorted(os.listdir(out)) if os.path.lexists(out) else []
    for name in (CHECKPOINT, *exported):
        check_own(out / name)
    other = next((name for name in names if not name.startswith(".")), None)
    if other and CHECKPOINT not in names:
        raise UsageError(f"{out} holds {other}, and no training to go on with: name a new or empty folder")


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Lock a folder for one training; make it if it is new.

    The operating system releases the lock when the process ends.

    :raises LockedError: another process holds the lock.
    :raises UsageError: the folder cannot be made.
    :raises ResourceError: the disk is full.
    """
    with made(out):
        try:
            with locked(out, wait=False):
                sweep(out, [CHECKPOINT])
                yield
        except BlockingIOError:
            raise LockedError(f"another training writes {out}: wait for it to end, or name another folder") from None


def save(out: Path, identity: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write a checkpoint atomically: at each time the old one or the new one exists.

    :param identity: plain data that the state depends on.
    :raises ResourceError, UsageError, RefusedError: the checkpoint cannot be written.
    """
    data = io.BytesIO()
    torch.save({"identity": dict(identity), **state}, data)
    replace(out / CHECKPOINT, data.getvalue())
    with writing(out):
        sync(out)


def load(out: Path, identity: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the state in a folder's checkpoint, None if there is none. No code in the file is run.

    :raises UsageError: the checkpoint has another identity (the message names the difference), or is damaged.
    """
    file = out / CHECKPOINT
    if not os.path.lexists(file):
        return None
    try:
        with open_regular(file, follow=False) as stream:
            state: dict[str, Any] = torch.load(stream, weights_only=True)
        before = state.pop("identity")
    except Exception as error:  # the errors that a damaged file can cause have no common class in torch
        raise UsageError(f"{file} cannot be read ({type(error).__name__}): remove it, or name another folder") from None
    keys = [*identity, *(key for key in before if key not in identity)]
    differing = [
        f"{key} {before.get(key)}, now {identity.get(key)}" for key in keys if before.get(key) != identity.get(key)
    ]
    if differing:
        raise UsageError(f"{out} holds another training ({'; '.join(differing)}): name another folder, or remove it")
    return state


def check_exports(out: Path, exported: Sequence[str]) -> None:
    """Refuse the folder of an unfinished training if it already contains a file with the name of one of the model's
    files.

    :raises UsageError: a file has one of those names.
    """
    if taken := [name for name in exported if os.path.lexists(out / name)]:
        raise UsageError(f"{out / taken[0]} is no file of this training, which has not ended: move it away")


def export(write: Callable[[Path], None], exported: Sequence[str], out: Path) -> None:
    """Write the finished model into the folder of the checkpoint.

    Existing files of these names must have the same content.

    :param write: writes the files of the model into an empty folder.
    :param exported: their names. Weights are written last.
    :raises ResourceError: the files cannot be written.
    :raises UsageError: an existing file has another content.
    """
    with writing(out), _export_folder(out) as scratch:
        write(scratch)
        files = sorted(scratch.iterdir(), key=lambda file: file.suffix == ".safetensors")
        assert {file.name for file in files} <= {*exported}, "a task must name the files that it exports"
        for file in files:
            _check_same(file, out / file.name)
        for file in files:
            sync(file)
            os.replace(file, out / file.name)
        sync(out)


def write_lm(model: Decoder, tokenizer: Path, eos: int, out: Path) -> None:
    """Write a language model and its tokenizer into an empty folder, in the format of transformers.

    :param tokenizer: the folder of its files.
    :param eos: the token that ends a text.
    """
    save_decoder(model, out)
    (out / "generation_config.json").write_text(json.dumps({"eos_token_id": eos}) + "\n", encoding="utf-8")
    for name in TOKENIZER_FILES:
        if (tokenizer / name).exists():
            shutil.copyfile(tokenizer / name, out / name)


def _check_same(file: Path, target: Path) -> None:
    check_own(target)
    if target.exists() and not filecmp.cmp(file, target, shallow=False):
        raise UsageError(f"{target} is no file of this training: move it away, and run the same command again")


@contextmanager
def _export_folder(out: Path) -> Iterator[Path]:
    """Yield a new folder within `out`. It is removed after the block."""
    scratch = Path(tempfile.mkdtemp(prefix=_EXPORT, dir=out))
    try:
        yield scratch
    except SafetensorError as error:
        raise ResourceError(f"{out}: {error}; free some space or name another folder") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def sweep_exports(out: Path, exported: Sequence[str]) -> None:
    """Remove the parts of a model that a killed process left behind."""
    for path in out.glob(f"{_EXPORT}????????"):
        if not path.is_symlink() and path.is_dir() and {file.name for file in path.iterdir()} <= {*exported}:
            shutil.rmtree(path, ignore_errors=True)
