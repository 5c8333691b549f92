"""The pipeline file: read strictly, checked whole, without importing a model library.

`load_config` turns a YAML file into a `Config` or raises `ConfigError` with every mistake at once;
`load_combinations` turns one that holds grids into a `Config` for each combination of their values.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ragqa.config import grid, specs
from ragqa.config.base import Spec
from ragqa.config.extends import read_extended
from ragqa.config.paths import make_absolute
from ragqa.config.reader import Key, Source, dotted, parse, shown
from ragqa.config.schema import inner_specs
from ragqa.errors import ConfigError, Problem

__all__ = ["Combination", "Config", "load_combinations", "load_config"]


@dataclass(frozen=True, slots=True)
class Config:
    """A pipeline file that was read: one spec for each section, paths absolute. `source` knows the positions."""

    file: Path
    load: Any
    split: Any
    embed: Any
    index: Any
    retrieve: Any
    prompt: Any
    generate: Any
    evaluate: Any
    source: Source

    def sections(self) -> dict[str, Spec]:
        """Return the sections that the file has, in the order of the flow."""
        named = {name: getattr(self, name) for name in specs.KINDS}
        return {name: spec for name, spec in named.items() if spec is not None}

    def resolved(self) -> dict[str, Any]:
        """Return the whole file as plain data: `extends` and overrides applied, defaults written out."""
        return {"version": specs.VERSION} | {name: spec.model_dump() for name, spec in self.sections().items()}


@dataclass(frozen=True, slots=True)
class Combination:
    """One value of each grid of a file: `settings` by dotted key, `name` the same as text, `config` with them filled in."""

    name: str
    settings: Mapping[str, Any]
    config: Config


def load_config(path: str | Path, overrides: Sequence[str] = (), extra_specs: Sequence[type[Spec]] = ()) -> Config:
    """Read and check a pipeline file.

    :param overrides: `section.key=value` each, the value read as YAML; relative paths from the working folder.
    :param extra_specs: your own `CustomSpec` classes; a class attribute `section` names where each belongs.
    :raises ConfigError: every mistake in the file, with its position; a grid is one.
    """
    source, kinds = _read(path, overrides), _kinds(extra_specs)
    grids = grid.find(source)
    _, first = next(grid.product(source, grids))
    config = _config(first, kinds)
    for key in grids:
        source.problems.append(
            source.problem(key, "a grid is for `ragqa tune` alone; give one value, or tune the file")
        )
    _refuse(source.file, [*source.problems, *first.problems])
    return config


def load_combinations(
    path: str | Path, overrides: Sequence[str] = (), extra_specs: Sequence[type[Spec]] = ()
) -> list[Combination]:
    """Read and check a pipeline file that holds grids; return each combination, the values of the last grid in turn.

    A file without grids has one combination, without a name. Parameters are those of `load_config`.

    :raises ConfigError: every mistake in the file or in a combination, with its position.
    """
    source, kinds = _read(path, overrides), _kinds(extra_specs)
    problems, combinations = source.problems, []
    for settings, filled in grid.product(source, grid.find(source)):
        combinations.append(Combination(grid.name(settings), settings, _config(filled, kinds)))
        problems = [*problems, *filled.problems]
    _refuse(source.file, problems)
    return combinations


def _read(path: str | Path, overrides: Sequence[str]) -> Source:
    source = read_extended(Path(path))
    for override in overrides:
        _override(source, override)
    return source


def _config(source: Source, kinds: Mapping[str, Sequence[type[Spec]]]) -> Config:
    """Return what a source says; what is wrong is then in its problems."""
    _check_top(source, kinds)
    built = {name: _section(source, name, kinds[name]) for name in kinds}
    return Config(file=Path(source.file).absolute(), source=source, **built)


def _refuse(file: str, problems: Sequence[Problem]) -> None:
    """Raise what is wrong, each mistake once; those of the file itself stand first, in its order."""
    if problems:
        raise ConfigError(sorted(dict.fromkeys(problems), key=lambda p: (p.file != file, p.file, p.line, p.column)))


def _kinds(extra: Sequence[type[Spec]]) -> dict[str, tuple[type[Spec], ...]]:
    kinds = dict(specs.KINDS)
    for spec in extra:
        section = getattr(spec, "section", None)
        if section not in kinds:
            raise TypeError(f"{spec.__name__}.section is {section!r}; must be one of {', '.join(kinds)}")
        kinds[section] = (*kinds[section], spec)
    return kinds


def _override(source: Source, override: str) -> None:
    name, equals, text = override.partition("=")
    key: Key = tuple(name.split("."))
    where = f"--set {override}"
    if not equals or len(key) != 2 or key[0] not in specs.KINDS:
        message = f"must be section.key=value with a section of {', '.join(specs.KINDS)}"
        source.problems.append(Problem(where, 1, 1, "", message))
        return
    given = Source(where)
    try:
        parse(f"value: {text}", given)
    except ConfigError as error:
        source.problems.extend(error.problems)
        return
    source.problems.extend(given.problems)
    section, field = str(key[0]), str(key[1])
    here = {section: {field: given.data["value"]}}
    make_absolute(here, Path.cwd())
    under = source.data.get(section)
    if field == "kind" and isinstance(under, dict) and under.get("kind") != given.data["value"]:
        source.data[section] = {}
    source.data.setdefault(section, {})
    if isinstance(source.data[section], dict):
        source.data[section].update(here[section])
    source.positions = {known: at for known, at in source.positions.items() if known[:2] != key}
    source.positions[key] = (where, 1, 1)


def _check_top(source: Source, kinds: Mapping[str, Any]) -> None:
    for name in source.data:
        if name not in kinds and name != "version":
            hint = did_you_mean(name, [*kinds, "version", "extends"])
            source.problems.append(source.problem((name,), f"unknown section; {hint}"))
    version = source.data.get("version")
    if version is None:
        source.problems.append(source.problem(("version",), f"missing; write `version: {specs.VERSION}`"))
    elif type(version) is not int or version < 1:
        source.problems.append(source.problem(("version",), f"must be {specs.VERSION}, got {shown(version)}"))
    elif version > specs.VERSION:
        message = f"version {shown(version)} is newer than this ragqa, which reads {specs.VERSION}: upgrade ragqa"
        source.problems.append(source.problem(("version",), message))


def _section(source: Source, name: str, kinds: Sequence[type[Spec]]) -> Spec | None:
    names = [specs.kind_of(kind) for kind in kinds]
    block = source.data.get(name)
    if block is None:
        if name in source.data or name not in specs.OPTIONAL:
            source.problems.append(source.problem((name,), f"missing; write `{name}: {{kind: {names[0]}, ...}}`"))
        return None
    if not isinstance(block, dict):
        source.problems.append(source.problem((name,), f"must be a mapping with a kind of {', '.join(names)}"))
        return None
    kind = block.get("kind")
    if kind not in names:
        found = "missing" if kind is None else f"unknown kind {shown(kind)}"
        message = f"{found}; {did_you_mean(str(kind), names)}"
        source.problems.append(source.problem((name, "kind"), message))
        return None
    spec = kinds[names.index(kind)]
    try:
        return spec.model_validate(block)
    except ValidationError as error:
        source.problems.extend(_translate(source, name, spec, detail) for detail in error.errors())
        return None


def _translate(source: Source, section: str, spec: type[Spec], detail: Any) -> Problem:
    """Turn pydantic's finding into a sentence with the position of the key in the file."""
    spec, loc = _innermost(spec, [part for part in detail["loc"] if not _is_union_tag(part)])
    fields = list(spec.model_fields)
    key: Key = (section, *loc)
    around = dotted(key[:-1])
    found = detail["input"]
    match detail["type"]:
        case "extra_forbidden":
            message = f"unknown key in {around} (kind {specs.kind_of(spec)}); {did_you_mean(str(loc[-1]), fields)}"
        case "union_tag_invalid" | "union_tag_not_found" | "model_attributes_type":
            names = [specs.kind_of(inner) for inner in inner_specs(spec, str(loc[-1]))]
            if isinstance(found, dict):
                kind = found.get("kind")
                key = (*key, "kind")
                message = (
                    f"{'missing' if kind is None else f'unknown kind {shown(kind)}'}; {did_you_mean(str(kind), names)}"
                )
            else:
                example = f"`{loc[-1]}: {{kind: {found if found in names else 'NAME'}}}`"
                message = f"must be a mapping with a kind of {', '.join(names)}, got {shown(found)}; write {example}"
        case "missing":
            message = f"missing in {around} (kind {specs.kind_of(spec)})"
        case "value_error":
            message = str(detail["ctx"]["error"])
        case _:
            reason = detail["msg"].removeprefix("Input should be ")
            message = f"must be {reason}, got {shown(found)}{_scalar_hint(found)}"
    return source.problem(key, message)


def _innermost(spec: type[Spec], loc: list[Any]) -> tuple[type[Spec], tuple[Any, ...]]:
    """Return the spec that a location lies in, and the location as the file writes it: without the kinds of inner specs."""
    if len(loc) > 1 and loc[0] in spec.model_fields:
        for inner in inner_specs(spec, str(loc[0])):
            if specs.kind_of(inner) == loc[1]:
                found, rest = _innermost(inner, loc[2:])
                return found, (loc[0], *rest)
    return spec, tuple(loc)


def _is_union_tag(part: Any) -> bool:
    """Pydantic puts the name of a union's member into the location; the file has no such key."""
    names = {"str", "int", "float", "bool"} | {f"list[{inner}]" for inner in ("str", "constrained-str")}
    return isinstance(part, str) and (part in names or part.startswith(("list[", "constrained-")))


def _scalar_hint(found: Any) -> str:
    if isinstance(found, bool):
        return " (YAML reads yes, no, on and off as booleans; quote the word to mean text)"
    if isinstance(found, str):
        try:
            number = float(found)
        except ValueError:
            return ""
        if "e" in found.lower():
            return _exponent_hint(found)
        plain = int(number) if number.is_integer() and "." not in found else number
        return f" (that is text in YAML; write {plain})"
    return ""


def _exponent_hint(found: str) -> str:
    mantissa, _, exponent = found.lower().partition("e")
    signed = exponent if exponent.startswith(("+", "-")) else f"+{exponent}"
    return f" (that is text in YAML; write {mantissa if '.' in mantissa else mantissa + '.0'}e{signed})"


def did_you_mean(found: str, valid: Sequence[str]) -> str:
    """Return `did you mean 'x'?` where one is near, and always what is valid."""
    near = difflib.get_close_matches(found, valid, n=1, cutoff=0.6)
    listed = f"valid: {', '.join(valid)}"
    return f"did you mean {near[0]!r}? {listed}" if near else listed
