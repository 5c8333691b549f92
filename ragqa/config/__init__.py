"""Reads and checks a pipeline file, strictly and completely, without importing a model library.

`read_config` turns a YAML file into a `Config` or raises `ConfigError` with every mistake at once;
`read_combinations` turns a file with grids into a `Config` for each combination of their values. Both take the table of
kinds that the file may name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragqa import arguments
from ragqa.arguments import AnyPath
from ragqa.config import grid
from ragqa.config.base import Spec
from ragqa.config.extends import read_extended
from ragqa.config.kinds import Kind, Kinds
from ragqa.config.overrides import override
from ragqa.config.reader import Key, Source, shown
from ragqa.config.sections import did_you_mean, nearest, read_section, unknown
from ragqa.config.slots import (
    OPTIONAL,
    SECTIONS,
    VERSION,
    ConstraintSpec,
    EmbedSpec,
    EvaluateSpec,
    FormatSpec,
    GenerateSpec,
    IndexSpec,
    LoadSpec,
    ObjectiveSpec,
    PromptSpec,
    RerankSpec,
    RetrieveSpec,
    RewriteSpec,
    ServeSpec,
    SplitSpec,
)
from ragqa.errors import ConfigError, Problem

__all__ = [
    "OPTIONAL",
    "Combination",
    "Config",
    "ConstraintSpec",
    "EmbedSpec",
    "EvaluateSpec",
    "FormatSpec",
    "GenerateSpec",
    "IndexSpec",
    "Kind",
    "Kinds",
    "LoadSpec",
    "ObjectiveSpec",
    "PartialConfig",
    "PromptSpec",
    "RerankSpec",
    "RetrieveSpec",
    "RewriteSpec",
    "ServeSpec",
    "SplitSpec",
    "did_you_mean",
    "examine",
    "nearest",
    "read_combinations",
    "read_config",
]


@dataclass(frozen=True, slots=True)
class PartialConfig:
    """A pipeline file that may have mistakes: a section that could not be read is None. `source` has the positions."""

    file: Path
    load: LoadSpec | None
    split: SplitSpec | None
    embed: EmbedSpec | None
    index: IndexSpec | None
    retrieve: RetrieveSpec | None
    prompt: PromptSpec | None
    generate: GenerateSpec | None
    evaluate: EvaluateSpec | None
    serve: ServeSpec | None
    source: Source
    kinds: Kinds

    def sections(self) -> dict[str, Spec]:
        """Return the sections that could be read, in the order of the data flow."""
        return {name: spec for name in SECTIONS if isinstance(spec := getattr(self, name), Spec)}

    def whole(self) -> Config:
        """Return the same file as a `Config`. It must have no mistakes: no required section is None."""
        sections: dict[str, Any] = {**dict.fromkeys(OPTIONAL), **self.sections()}
        return Config(file=self.file, source=self.source, kinds=self.kinds, **sections)

    def parts(self) -> Iterator[tuple[Key, Spec]]:
        """Yield every part with its key: the sections, and the parts inside them."""
        waiting: list[tuple[Key, Spec]] = [((name,), spec) for name, spec in self.sections().items()]
        while waiting:
            key, spec = waiting.pop(0)
            yield key, spec
            waiting = [((*key, *below), inner) for below, inner in spec.nested()] + waiting


@dataclass(frozen=True, slots=True)
class Config(PartialConfig):
    """A pipeline file without mistakes: a spec for each section, absolute paths, and the table of kinds."""

    load: LoadSpec
    split: SplitSpec
    embed: EmbedSpec
    index: IndexSpec
    retrieve: RetrieveSpec
    prompt: PromptSpec
    generate: GenerateSpec

    def resolved(self) -> dict[str, Any]:
        """Return the whole file as plain data: `extends` and overrides applied, defaults written out."""
        return {"version": VERSION} | {name: spec.model_dump() for name, spec in self.sections().items()}


@dataclass(frozen=True, slots=True)
class Combination:
    """One value of each grid: `settings` by dotted key, `name` the same as text, `config` the resulting file."""

    name: str
    settings: Mapping[str, Any]
    config: Config


def read_config(path: AnyPath, overrides: Sequence[str], kinds: Kinds) -> Config:
    """Read and check a pipeline file.

    :param overrides: `section.key=value` each, the value read as YAML; relative paths from the working folder.
    :param kinds: the table of kinds that the file may name.
    :raises ConfigError: every mistake in the file, with its position; a grid is one.
    """
    config, problems = examine(path, overrides, kinds)
    if problems:
        raise ConfigError(problems)
    return config.whole()


def examine(path: AnyPath, overrides: Sequence[str], kinds: Kinds) -> tuple[PartialConfig, list[Problem]]:
    """Read a pipeline file that may have mistakes; return the sections that could be read, and all mistakes.

    In a section, keys with mistakes have their defaults; `config.source.is_faulty` tells which keys these are.
    Parameters are those of `read_config`.

    :raises ConfigError: nothing of the file can be read.
    """
    source = _read(path, overrides, kinds)
    grids = grid.find(source, kinds.free_keys())
    configs = [_config(filled, kinds) for _, filled in grid.product(source, grids)]
    for key in grids:
        source.problems.append(
            source.problem(key, "a grid is for `ragqa tune` alone; give one value, or tune the file")
        )
    problems = [*source.problems, *(problem for config in configs for problem in config.source.problems)]
    return configs[0], in_order(source.file, problems)


def read_combinations(path: AnyPath, overrides: Sequence[str], kinds: Kinds) -> list[Combination]:
    """Read and check a pipeline file with grids; return every combination. The last grid varies fastest.

    A file without grids has one combination, whose name is empty. Parameters are those of `read_config`.

    :raises ConfigError: every mistake in the file or in a combination, with its position.
    """
    source = _read(path, overrides, kinds)
    filled = list(grid.product(source, grid.find(source, kinds.free_keys())))
    configs = [_config(each, kinds) for _, each in filled]
    problems = [*source.problems, *(problem for _, each in filled for problem in each.problems)]
    if problems:
        raise ConfigError(in_order(source.file, problems))
    return [
        Combination(grid.name(settings), settings, config.whole())
        for (settings, _), config in zip(filled, configs, strict=True)
    ]


def _read(path: AnyPath, overrides: Sequence[str], kinds: Kinds) -> Source:
    """Read a file, the files that it extends, and overrides.

    :raises ConfigError: the file itself cannot be read; the error lists mistakes in the overrides too.
    """
    given = arguments.set_values(overrides)
    file = arguments.path(path)
    try:
        source, unread = read_extended(file, kinds), None
    except ConfigError as error:
        source = unread = Source(str(file), problems=list(error.problems))
    for text in given:
        override(source, text, kinds)
    if unread:
        raise ConfigError(in_order(unread.file, unread.problems))
    return source


def _config(source: Source, kinds: Kinds) -> PartialConfig:
    """Return the sections of a source; mistakes are added to its problems."""
    _check_top(source)
    read: dict[str, Any] = {name: read_section(source, name, kinds) for name in SECTIONS}
    return PartialConfig(file=Path(source.file).absolute(), source=source, kinds=kinds, **read)


def in_order(file: str, problems: Iterable[Problem]) -> list[Problem]:
    """Return problems without duplicates: first those of the file itself in line order, then those of other files."""
    return sorted(dict.fromkeys(problems), key=lambda p: (p.file != file, p.file, p.line, p.column))


def _check_top(source: Source) -> None:
    for name in source.data:
        if name not in SECTIONS and name != "version":
            source.add(unknown(source, (name,), "section", [*SECTIONS, "version", "extends"]))
    if fault := _fault_of_version(source.data.get("version"), source.incomplete):
        source.problems.append(source.problem(("version",), fault))


def _fault_of_version(version: Any, incomplete: bool) -> str:
    """Return the fault of a file's version; empty for none. A missing version is no fault in an incomplete file."""
    if version is None:
        return "" if incomplete else f"missing; write `version: {VERSION}`"
    if type(version) is not int or version < 1:
        return f"must be {VERSION}, got {shown(version)}"
    if version > VERSION:
        return f"version {shown(version)} is newer than this ragqa, which reads {VERSION}: upgrade ragqa"
    return ""
