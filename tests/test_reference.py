"""The reference of the Python API: it has each public name, and each name on it can be imported."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import ragqa
from ragqa import testing
from tests import LIBRARIES

ROOT = Path(__file__).parent.parent
API = ROOT / "docs" / "api"
PAGES = sorted(API.glob("*.md"))
GUIDES = [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").rglob("*.md") if page.name not in LIBRARIES)]
EXPORTED = {name for name in ragqa.__all__ if callable(getattr(ragqa, name))}
FIELD = re.compile(r"(\S *)?:(param|raises) ([^:`]*):")


def text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def directives(page: Path) -> list[str]:
    """Return the dotted names whose docstrings are rendered on a page."""
    return re.findall(r"^::: ([\w.]+)$", text(page), re.MULTILINE)


def resolve(name: str) -> Any:
    """Return the module or object of a dotted name."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, last = name.rpartition(".")
        return getattr(resolve(module), last)


def public(module: ModuleType) -> list[str]:
    """Return the names that mkdocstrings renders of a module: those of `__all__`, else those defined in it."""
    own = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]
    names: list[str] = getattr(module, "__all__", own)
    return [name for name in names if callable(getattr(module, name))]


def documented() -> dict[str, Any]:
    """Return every name that the pages render, with its object."""
    objects = {}
    for name in (name for page in PAGES for name in directives(page)):
        found = resolve(name)
        objects[name] = found
        if isinstance(found, ModuleType):
            objects |= {f"{name}.{inner}": getattr(found, inner) for inner in public(found)}
    return objects


def imported_by_guides() -> set[str]:
    """Return the dotted names that the Python of README and docs imports from ragqa."""
    blocks = [block for page in GUIDES for block in re.findall(r"^```python\n(.*?)^```", text(page), re.S | re.M)]
    return {
        f"{node.module}.{alias.name}"
        for block in blocks
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ragqa"
        for alias in node.names
    }


def test_every_exported_name_is_on_a_page_and_the_summary_links_exactly_these() -> None:
    links = dict(re.findall(r"\[`(\w+)`\]\[([\w.]+)\]", text(API / "index.md")))
    assert set(links) == EXPORTED
    assert {name: target for name, target in links.items() if resolve(target) is not getattr(ragqa, name)} == {}
    rendered = {id(value) for value in documented().values()}
    assert [name for name in sorted(EXPORTED) if id(getattr(ragqa, name)) not in rendered] == []


def test_every_public_module_is_on_a_page() -> None:
    pages = documented()
    assert [module for module in ragqa.PUBLIC_MODULES if not any(name.startswith(f"{module}.") for name in pages)] == []


def test_every_contract_for_parts_of_ones_own_is_on_a_page() -> None:
    modules = [resolve(f"ragqa.testing.{module.name}") for module in pkgutil.iter_modules(testing.__path__)]
    contracts = {
        id(getattr(module, name)) for module in modules for name in public(module) if name.endswith("Contract")
    }
    assert contracts and contracts - {id(value) for value in documented().values()} == set()


def test_every_name_on_a_page_exists_and_has_a_docstring_without_which_it_would_be_left_out() -> None:
    bare = []
    for name, value in documented().items():
        written = inspect.getdoc(value) or ""
        if not written or written.startswith(f"{name.rpartition('.')[2]}("):  # the second is a dataclass's own
            bare.append(name)
    assert bare == []


def test_whatever_the_guides_import_is_on_a_page() -> None:
    pages = documented()
    canonical = {id(value) for value in pages.values()}
    missing = [name for name in imported_by_guides() if id(resolve(name)) not in canonical]
    assert imported_by_guides() and [name for name in missing if name.removeprefix("ragqa.") not in EXPORTED] == []


def test_every_page_is_in_the_navigation_and_begins_with_a_sentence_of_its_own() -> None:
    navigation = re.findall(r"^ +- ([\w.]+): api/([\w-]+\.md)$", text(ROOT / "mkdocs.yml"), re.MULTILINE)
    assert sorted(file for _, file in navigation) == [page.name for page in PAGES]
    for title, file in navigation:
        rendered = directives(API / file)
        assert re.search(rf"^# {re.escape(title)}\n\n[A-Z].+[.:]\n", text(API / file), re.MULTILINE)
        assert (file == "index.md") != bool(rendered) and all(name.startswith(title) for name in rendered)


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield each function and method that the pages render, with its name."""
    for name, value in documented().items():
        inner = list(vars(value).items()) if inspect.isclass(value) else [("", value)]
        for method, written in inner:
            function = getattr(written, "__func__", written)
            if inspect.isfunction(function) and not method.startswith("_"):
                yield f"{name}.{method}".rstrip("."), function


def test_fields_of_docstrings_stand_at_the_beginning_of_a_line_and_name_one_error_or_parameter() -> None:
    """Others are rendered wrongly, or end `make docs`."""
    wrong = []
    for place, function in functions():
        known = {name.lstrip("*") for name in inspect.signature(function).parameters}
        for before, field, name in FIELD.findall(inspect.getdoc(function) or ""):
            if before or not name.isidentifier() or (field == "param" and name not in known):
                wrong.append(f"{place}: :{field} {name}:")
    assert wrong == [], "\n".join(wrong)
