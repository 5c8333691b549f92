"""What a release consists of agrees: version, changelog, citation, metadata, pinned tools."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from trove_classifiers import classifiers

import ragqa

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]


def releases() -> list[tuple[str, str]]:
    """Return the version and the date of each heading of the changelog, in its order."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return re.findall(r"^## \[(\d[^\]]*)\] - (\d{4}-\d\d-\d\d)$", changelog, re.MULTILINE)


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(each).name) for each in requirements}


def test_the_newest_release_of_the_changelog_is_this_version() -> None:
    versions = [Version(version) for version, _ in releases()]
    assert versions[0] == Version(ragqa.__version__)
    assert versions == sorted(set(versions), reverse=True)
    assert [date for _, date in releases()] == sorted((date for _, date in releases()), reverse=True)


def test_the_citation_names_the_newest_release_and_the_licence() -> None:
    assert (CITATION["version"], str(CITATION["date-released"])) == releases()[0]
    assert CITATION["license"] == PROJECT["license"]
    assert [author["name"] for author in CITATION["authors"]] == [author["name"] for author in PROJECT["authors"]]


def test_the_classifiers_are_known_to_the_package_registry() -> None:
    assert set(PROJECT["classifiers"]) <= set(classifiers)
    assert PROJECT["classifiers"] == sorted(PROJECT["classifiers"])
    minor = PROJECT["requires-python"].removeprefix(">=")
    assert f"Programming Language :: Python :: {minor}" in PROJECT["classifiers"]


def test_every_dependency_is_pinned_once() -> None:
    pinned = [
        canonicalize_name(line.partition("==")[0])
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    ]
    extras = [each for extra in PROJECT["optional-dependencies"].values() for each in extra]
    assert names([*PROJECT["dependencies"], *extras]) - set(pinned) == set()
    assert len(pinned) == len(set(pinned))


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_before_a_commit_runs_a_tool_of_the_environment_that_the_makefile_runs_too(hook: dict[str, Any]) -> None:
    tool = hook["entry"].split()[0].removeprefix(".venv/bin/")
    assert tool in names(PROJECT["optional-dependencies"]["dev"])
    assert f"$(BIN)/{tool}" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert hook["language"] == "system"
