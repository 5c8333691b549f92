"""Grids: `{grid: [3, 5, 10]}` in place of a value lists values, which `ragqa tune` tries; other commands refuse it."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import yaml

from ragqa.config.reader import Key, Mistake, Source, dotted, shown

MAX_COMBINATIONS = 64
"""The most combinations that a file may have."""

Grids = Mapping[Key, list[Any]]


def values(value: Any) -> list[Any]:
    """Return the values of a grid; for any other value, a list of that value."""
    if not _is_grid(value):
        return [value]
    return value["grid"] if isinstance(value["grid"], list) else []


def each(value: Any, change: Callable[[Any], Any]) -> Any:
    """Apply a function to a value, or to each value of a grid; return the result."""
    if _is_grid(value) and isinstance(value["grid"], list):
        return {"grid": [change(one) for one in value["grid"]]}
    return change(value)


def find(source: Source, free: Collection[Key]) -> dict[Key, list[Any]]:
    """Return the values of each grid by its key, in file order; mistakes in grids are added to `source.problems`.

    Return no grids where one has a mistake: too many combinations, no list, or a value that is listed twice.

    :param free: keys of mappings whose keys the user chooses; they are not searched for grids.
    """
    found = {key: grid for name, block in source.data.items() for key, grid in _within((name,), block, free)}
    faults = [Mistake((key,), fault) for key, grid in found.items() if (fault := _fault(grid))]
    count = math.prod(len(values(grid)) for grid in found.values())
    if not faults and count > MAX_COMBINATIONS:
        last = list(found)[-1]
        message = f"the {len(found)} grids have {count:,} combinations; at most {MAX_COMBINATIONS}: shorten one"
        faults.append(Mistake((last, *found), message))
    source.add(*faults)
    return {} if faults else {key: values(grid) for key, grid in found.items()}


def product(source: Source, grids: Grids) -> Iterator[tuple[dict[str, Any], Source]]:
    """Yield each combination: the value of each grid by its dotted key, and the source with these values filled in.

    The last grid varies fastest. Without grids there is one combination, the unchanged source.
    """
    for choice in itertools.product(*(range(len(grid)) for grid in grids.values())):
        chosen = dict(zip(grids, choice, strict=True))
        yield {dotted(key): grids[key][at] for key, at in chosen.items()}, _filled(source, grids, chosen)


def name(settings: Mapping[str, Any]) -> str:
    """Return settings in the form of `--set`, separated by commas; empty for none."""
    return ", ".join(f"{key}={_yaml(value)}" for key, value in settings.items())


def quoted(text: str) -> str:
    """Return a text as a quoted YAML scalar on one line."""
    dumped: str = yaml.safe_dump(text, default_style='"', width=math.inf, allow_unicode=True)
    return dumped.rstrip("\n")


def _yaml(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True)
    return text.removesuffix("...\n").strip()


def _is_grid(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"grid"}


def _within(key: Key, value: Any, free: Collection[Key]) -> Iterator[tuple[Key, Any]]:
    """Yield the grids below a key; mappings at `free` keys are not searched."""
    if not isinstance(value, dict) or key in free:
        return
    if _is_grid(value) and len(key) > 1:
        yield key, value
        return
    for part, inner in value.items():
        yield from _within((*key, part), inner, free)


def _fault(grid: Any) -> str:
    """Return the fault of a grid; empty for none."""
    options = grid["grid"]
    if not isinstance(options, list) or not options:
        return f"a grid is a list of at least one value, such as `{{grid: [3, 5]}}`; got {shown(options)}"
    twice = next((one for at, one in enumerate(options) if repr(one) in map(repr, options[:at])), None)
    return "" if twice is None else f"{shown(twice)} stands twice in the grid; give each value once"


def _filled(source: Source, grids: Grids, chosen: Mapping[Key, int]) -> Source:
    data, positions = copy.deepcopy(source.data), dict(source.positions)
    for key, at in chosen.items():
        block = data
        for part in key[:-1]:
            block = block[part]  # type: ignore[index]
        block[key[-1]] = copy.deepcopy(grids[key][at])  # type: ignore[index]
        option = (*key, "grid", at)
        for known, where in source.positions.items():
            if known[: len(option)] == option:
                positions[*key, *known[len(option) :]] = where
    return Source(source.file, data, positions, faulty=set(source.faulty), incomplete=source.incomplete)
