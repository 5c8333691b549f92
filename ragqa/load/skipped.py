"""Files and folders that are skipped though their type is read: programs write them, and nobody asks about them.

A file that a path or a glob of `include` or `as_text` names is read all the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection

BEGINNING_BYTES = 100_000
"""How much of a file is looked at, to recognise a pipeline file."""
PIPELINE_SUFFIXES = (".yaml", ".yml", ".json")
"""The suffixes that a pipeline file may have."""

_PACKAGES = frozenset({"node_modules", "bower_components", "site-packages", "__pycache__"})
_LOCKS = re.compile(r"(?:package-lock|npm-shrinkwrap|packages\.lock|project\.assets)\.json|pnpm-lock\.ya?ml")
_MINIFIED = re.compile(r".+[.-](?:min|bundle)\.(?:[cm]?js|css)")
_OF_JSON = (re.compile(rb'"version"\s*:\s*1\s*[,}]'), re.compile(rb'"(?:load|extends)"\s*:'))
_OF_YAML = (
    re.compile(rb"^version:[ \t]*1[ \t]*(?:#|\r?$)", re.MULTILINE),
    re.compile(rb"^(?:load|extends):", re.MULTILINE),
)
_ELSE = "read where load.include names it"


def folder_reason(name: str, inside: Collection[str] = ()) -> str:
    """Return the reason why a folder is skipped; empty for others.

    :param inside: the names of the files in it.
    """
    return f"a folder of installed packages: {_ELSE}" if name in _PACKAGES or "pyvenv.cfg" in inside else ""


def file_reason(name: str) -> str:
    """Return the reason why a file is skipped by its name; empty for others."""
    if _LOCKS.fullmatch(name.lower()):
        return f"a lock file: {_ELSE}"
    return f"minified code: {_ELSE}" if _MINIFIED.fullmatch(name.lower()) else ""


def pipeline_reason(beginning: bytes) -> str:
    """Return the reason why a file is skipped that begins like this; empty where it is no pipeline file."""
    return f"a pipeline file: {_ELSE}" if is_pipeline(beginning) else ""


def is_pipeline(beginning: bytes) -> bool:
    """Tell whether a file in YAML or JSON has the version and a section of a pipeline file, rather than data."""
    is_json = beginning.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
    return all(key.search(beginning) for key in (_OF_JSON if is_json else _OF_YAML))
