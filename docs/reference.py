"""Writes three pages: docs/pipeline.md from the specs, docs/cli.md from the commands, docs/api/index.md from `ragqa.__all__`.

A test compares them with what it writes.
"""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import ragqa as package
from ragqa.cli import ragqa
from ragqa.config.base import Spec, kind_of, slots
from ragqa.config.slots import OPTIONAL, SECTIONS
from ragqa.kinds import BUILTIN

DOCS = Path(__file__).parent
NOTE = "<!-- Made by docs/reference.py; do not edit. -->\n\n"
PIPELINE = """# The pipeline file

One YAML file wires a pipeline. Every section is a mapping with a `kind`; unknown keys, duplicate keys, tags, aliases and values of
another type are errors, and `ragqa check` reports all of them at once. Paths are relative to the file.

- `version: 1` is required; a newer version is refused.
- `extends: other.yaml` takes every section of another file; a section given here overrides it key by key, and a section with another
  `kind` replaces it.
- A list of values, `top_k: {grid: [3, 5, 10]}`, stands for each of them in turn; `ragqa tune` finds the best, and no other command takes it.
- `--set section.key=value` overrides a key on any command; the value is read as YAML. `--set evaluate=null` leaves that section out.
"""


def pipeline() -> str:
    """Return the page of the pipeline file."""
    parts = [NOTE + PIPELINE]
    for section in SECTIONS:
        specs = BUILTIN.specs(section)
        parts.append(f"\n## {section}\n{' (optional)' if section in OPTIONAL else ''}")
        parts += [_kind(spec) for spec in specs]
        parts += [_kind(inner, f"{section}.{field}: ") for field, inner in _inner(specs)]
    return "".join(parts).rstrip() + "\n"


def _inner(specs: Sequence[type[Spec]]) -> dict[tuple[str, type[Spec]], None]:
    """Return the mappings that stand under a key of a section, each once."""
    fields = [(name, slot) for spec in specs for name, slot in slots(spec).items()]
    return dict.fromkeys((name, inner) for name, slot in fields for inner in BUILTIN.specs(slot.name))


def _kind(spec: type[Spec], where: str = "") -> str:
    rows = "".join(_row(name, field) for name, field in spec.model_fields.items() if name != "kind")
    table = f"\n| key | value | default | |\n|---|---|---|---|\n{rows}" if rows else ""
    return f"\n### `{where}kind: {kind_of(spec)}`\n\n{(spec.__doc__ or '').strip()}\n{table}"


def _row(name: str, field: FieldInfo) -> str:
    default = "required" if field.default is PydanticUndefined else f"`{_yaml(field.default)}`"
    return f"| `{name}` | {_type(field)} | {default} | {field.description or ''} |\n"


def _yaml(value: Any) -> str:
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def _type(field: FieldInfo) -> str:
    bounds = [f"{sign} {getattr(m, name)}" for m in field.metadata for name, sign in _SIGNS.items() if hasattr(m, name)]
    return ", ".join([_name(field.annotation), *bounds])


_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_NAMES = {str: "text", int: "integer", float: "number", bool: "true or false", type(None): "null"}


def _name(kind: Any) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin is typing.Annotated:
        return _name(arguments[0])
    if origin is list:
        return f"list of {_name(arguments[0])}"
    if origin is dict:
        return "mapping"
    if arguments:
        return " or ".join(dict.fromkeys(_name(each) for each in arguments))
    return _NAMES.get(kind, "mapping")


def cli() -> str:
    """Return the page of the command line."""
    context = click.Context(ragqa, info_name="ragqa", **ragqa.context_settings)
    parts = [NOTE + "# The command line\n"]
    for name in ragqa.list_commands(context):
        command = ragqa.get_command(context, name)
        assert command is not None
        parts.append(_command(command, click.Context(command, info_name=name, parent=context)))
    return "\n".join(parts).rstrip() + "\n\n" + EXIT_CODES


def _command(command: click.Command, context: click.Context) -> str:
    text = f"## ragqa {' '.join(context.command_path.split()[1:])}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            text += "\n" + _command(inner, click.Context(inner, info_name=name, parent=context))
    return text


EXIT_CODES = """## Exit codes

| code | meaning |
|---|---|
| 0 | done; an answer that abstains is one, too |
| 1 | a bug |
| 2 | usage, or a mistake in a pipeline file |
| 3 | done, but some inputs were rejected |
| 4 | nothing usable: no index, no documents |
| 5 | the index is damaged, or of another format |
| 6 | another process writes the index |
| 7 | out of disk, memory or time |
| 8 | a model is missing, or is not the one that built the index |
| 9 | refused for safety |
| 10 | a gate of `compare` is not met |
| 130 | interrupted |
"""


API = """# ragqa

Most programs need one import: `from ragqa import Pipeline`. Importing the package loads no model library; a `Pipeline` loads one when it first needs it.

The names below can be imported from `ragqa` itself. Every name that a program may rely on is on one of the pages of this section; one that is on none of
them, or begins with `_`, can change in any version.

| from `ragqa` | |
|---|---|
"""


def api() -> str:
    """Return the page of the names that `ragqa` exports, each with a link to its reference."""
    exported = {name: getattr(package, name) for name in sorted(package.__all__, key=str.lower)}
    return NOTE + API + "".join(_export(value) for value in exported.values() if callable(value))


def _export(value: Any) -> str:
    summary = " ".join((inspect.getdoc(value) or "").partition("\n\n")[0].split())
    return f"| [`{value.__name__}`][{value.__module__}.{value.__qualname__}] | {summary} |\n"


def main() -> None:
    """Write the three pages."""
    (DOCS / "pipeline.md").write_text(pipeline(), encoding="utf-8")
    (DOCS / "cli.md").write_text(cli(), encoding="utf-8")
    (DOCS / "api" / "index.md").write_text(api(), encoding="utf-8")


if __name__ == "__main__":
    main()
