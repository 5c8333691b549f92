"""The pipeline file: read strictly, checked whole, without importing a model library.

`load_config` turns a YAML file into a `Config` or raises `ConfigError` with every mistake at once;
`load_combinations` turns one that holds grids into a `Config` for each combination of their values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragqa import arguments
from ragqa.arguments import AnyPath
from ragqa.config import grid, specs
from ragqa.config.base import Spec
from ragqa.config.extends import read_extended
from ragqa.config.paths import make_absolute
from ragqa.config.reader import Key, Source, parse, shown
from ragqa.config.sections import did_you_mean, nearest, read_section, unknown
from ragqa.errors import ConfigError, Problem, UsageTypeError

__all__ = ["Combination", "Config", "did_you_mean", "examine", "load_combinations", "load_config", "nearest"]


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


def load_config(path: AnyPath, overrides: Sequence[str] = (), extra_specs: Sequence[type[Spec]] = ()) -> Config:
    """Read and check a pipeline file.

    :param overrides: `section.key=value` each, the value read as YAML; relative paths from the working folder.
    :param extra_specs: your own `CustomSpec` classes; a class attribute `section` names where each belongs.
    :raises ConfigError: every mistake in the file, with its position; a grid is one.
    """
    config, problems = examine(path, overrides, extra_specs)
    if problems:
        raise ConfigError(problems)
    return config


def examine(
    path: AnyPath, overrides: Sequence[str] = (), extra_specs: Sequence[type[Spec]] = ()
) -> tuple[Config, list[Problem]]:
    """Read a pipeline file as far as it can be read; return that and every mistake, in the order of the file.

    A section that cannot be read is None. In the others, mistaken keys have their defaults, which `config.source` knows
    by `is_faulty`. Parameters are those of `load_config`.

    :raises ConfigError: nothing of the file can be read.
    """
    source, kinds = _read(path, overrides), _kinds(extra_specs)
    grids = grid.find(source)
    configs = [_config(filled, kinds) for _, filled in grid.product(source, grids)]
    for key in grids:
        source.problems.append(
            source.problem(key, "a grid is for `ragqa tune` alone; give one value, or tune the file")
        )
    found = [*source.problems, *(problem for config in configs for problem in config.source.problems)]
    return configs[0], in_order(source.file, found)


def load_combinations(
    path: AnyPath, overrides: Sequence[str] = (), extra_specs: Sequence[type[Spec]] = ()
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
    if problems:
        raise ConfigError(in_order(source.file, problems))
    return combinations


def _read(path: AnyPath, overrides: Sequence[str]) -> Source:
    """Read a file, the ones that it extends, and overrides.

    :raises ConfigError: the file itself cannot be read; mistakes in the overrides are told too.
    """
    given = arguments.set_values(overrides)
    file = arguments.path(path)
    try:
        source, unread = read_extended(file), None
    except ConfigError as error:
        source = unread = Source(str(file), problems=list(error.problems))
    for override in given:
        _override(source, override)
    if unread:
        raise ConfigError(in_order(unread.file, unread.problems))
    return source


def _config(source: Source, kinds: Mapping[str, Sequence[type[Spec]]]) -> Config:
    """Return what a source says; what is wrong is then in its problems."""
    _check_top(source, kinds)
    built = {name: read_section(source, name, kinds[name]) for name in kinds}
    return Config(file=Path(source.file).absolute(), source=source, **built)


def in_order(file: str, problems: Iterable[Problem]) -> list[Problem]:
    """Return problems, each once; those of the file itself stand first, in its order."""
    return sorted(dict.fromkeys(problems), key=lambda p: (p.file != file, p.file, p.line, p.column))


def _kinds(extra: Sequence[type[Spec]]) -> dict[str, tuple[type[Spec], ...]]:
    kinds = dict(specs.KINDS)
    for i, spec in enumerate(arguments.items(extra, "extra_specs", "a list of CustomSpec classes")):
        if not isinstance(spec, type) or not issubclass(spec, Spec):
            raise arguments.wrong_type(f"extra_specs[{i}]", spec, "a class that inherits from CustomSpec")
        section = getattr(spec, "section", None)
        if section not in kinds:
            raise UsageTypeError(f"{spec.__name__}.section is {section!r}; must be one of {', '.join(kinds)}")
        kinds[section] = (*kinds[section], spec)
    return kinds


def _override(source: Source, override: str) -> None:
    name, equals, text = override.partition("=")
    key: Key = tuple(name.split("."))
    where = f"--set {override}"
    if override in (f"{section}=null" for section in specs.OPTIONAL):
        source.data.pop(name, None)
        return
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
        source.data[section] = _kept(section, under, grid.values(given.data["value"]))
    source.data.setdefault(section, {})
    if isinstance(source.data[section], dict):
        source.data[section].update(here[section])
    source.positions = {known: at for known, at in source.positions.items() if known[:2] != key}
    source.positions[key] = (where, 1, 1)
    source.faulty = {faulty for faulty in source.faulty if faulty[:2] != key} | ({key} if given.faulty else set())


def _kept(section: str, block: Mapping[str, Any], kinds: Sequence[Any]) -> dict[str, Any]:
    """Return what stays of a section whose kind is set: nothing of another kind; of a grid with its own, what all have."""
    if block.get("kind") not in kinds:
        return {}
    fields = [set(spec.model_fields) for spec in specs.KINDS[section] if specs.kind_of(spec) in kinds]
    return {
        key: value for key, value in block.items() if len(fields) == len(kinds) and key in set.intersection(*fields)
    }


def _check_top(source: Source, kinds: Mapping[str, Any]) -> None:
    for name in source.data:
        if name not in kinds and name != "version":
            source.add(unknown(source, (name,), "section", [*kinds, "version", "extends"]))
    if fault := _fault_of_version(source.data.get("version"), source.incomplete):
        source.problems.append(source.problem(("version",), fault))


def _fault_of_version(version: Any, incomplete: bool) -> str:
    """Return what is wrong with the version of a file; empty for nothing. An incomplete file may have it elsewhere."""
    if version is None:
        return "" if incomplete else f"missing; write `version: {specs.VERSION}`"
    if type(version) is not int or version < 1:
        return f"must be {specs.VERSION}, got {shown(version)}"
    if version > specs.VERSION:
        return f"version {shown(version)} is newer than this ragqa, which reads {specs.VERSION}: upgrade ragqa"
    return ""
