"""The public names: every name that the documentation imports is public, and every public name exists."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ragqa
from ragqa import errors, records
from tests import LIBRARIES, ROOT

PAGES = [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").glob("*.md") if page.name not in LIBRARIES)]


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def imports(source: str) -> Iterator[tuple[str, str]]:
    """Yield (module, name) for each import from ragqa; the name is empty for `import module`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0] == "ragqa")
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "ragqa":
            yield from ((node.module, alias.name) for alias in node.names)


def is_public(module: str, name: str) -> bool:
    if module == "ragqa":
        return not name or name in ragqa.__all__ or f"ragqa.{name}" in ragqa.PUBLIC_MODULES
    if module not in ragqa.PUBLIC_MODULES:
        return False
    imported = importlib.import_module(module)
    exported = getattr(imported, "__all__", [name])
    return not name or (name in exported and hasattr(imported, name) and not name.startswith("_"))


def test_pages_import_public_names_only() -> None:
    found = [(page.name, *each) for page in PAGES for block in python_blocks(page) for each in imports(block)]
    assert len(found) > 5
    assert [each for each in found if not is_public(*each[1:])] == []


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("ragqa", "Nothing"),
        ("ragqa.pipeline", "Pipeline"),
        ("ragqa.records", "_cut"),
        ("ragqa.records", "Nothing"),
        ("ragqa.cli", ""),
    ],
)
def test_other_names_are_not_public(module: str, name: str) -> None:
    assert not is_public(module, name)


@pytest.mark.parametrize("name", ragqa.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(ragqa, name) is not None and name in dir(ragqa)


@pytest.mark.parametrize("name", ragqa.PUBLIC_MODULES)
def test_every_public_module_is_there_and_says_what_it_is(name: str) -> None:
    module = importlib.import_module(name)
    assert inspect.getdoc(module)
    assert [each for each in getattr(module, "__all__", []) if not hasattr(module, each)] == []


def test_every_error_and_every_record_is_public() -> None:
    classes = [
        name
        for module in (errors, records)
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
    assert set(classes) <= set(ragqa.__all__)


def test_type_checkers_see_the_public_names_that_python_sees() -> None:
    tree = ast.parse(inspect.getsource(ragqa))
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    seen = [alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(seen) == sorted(set(ragqa.__all__) - {"__version__", "PUBLIC_MODULES"})


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        ragqa.Nothing  # noqa: B018
