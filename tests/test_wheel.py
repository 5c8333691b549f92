"""The built wheel, installed without the source tree."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the unpacked wheel, which is what an installer puts into site-packages."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    site = out / "site"
    with zipfile.ZipFile(next(out.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    return site


def run(site: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    # -P and the folder in front keep the source tree out of the way
    program = f"import sys; sys.path.insert(0, {str(site)!r}); from ragqa.cli import main; import ragqa; "
    program += f"assert ragqa.__file__.startswith({str(site)!r}), ragqa.__file__; main()"
    command = [sys.executable, "-P", "-c", program, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_the_wheel_holds_what_runs_and_nothing_else(installed: Path) -> None:
    names = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    assert {"ragqa/config/profiles/small.yaml", "ragqa/prompt/templates/qa.txt", "ragqa/py.typed"} <= names
    page = ROOT / "ragqa" / "serve" / "page"
    assert {file.relative_to(ROOT).as_posix() for file in page.rglob("*") if file.is_file()} <= names
    assert not [name for name in names if name.split("/")[0] not in ("ragqa",) and ".dist-info/" not in name]


def test_the_wheel_checks_a_file_and_prints_its_version(installed: Path, tmp_path: Path) -> None:
    version = run(installed, "--version", cwd=tmp_path)
    assert version.returncode == 0, version.stderr
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("The ferry sails at nine.", encoding="utf-8")
    begun = run(installed, "init", "docs", cwd=tmp_path)
    assert begun.returncode == 0, begun.stderr
    checked = run(installed, "check", "ragqa.yaml", cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
