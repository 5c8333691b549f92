"""Grids: `{grid: [3, 5, 10]}` in place of a value stands for each of them in turn. `ragqa tune` alone takes them."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import yaml

from ragqa.config.reader import Key, Mistake, Source, dotted, shown

MAX_COMBINATIONS = 64
"""How many combinations a file may have."""

Grids = Mapping[Key, list[Any]]


def values(value: Any) -> list[Any]:
    """Return the values of a grid; of anything else, the thing itself."""
    if not _is_grid(value):
        return [value]
    return value["grid"] if isinstance(value["grid"], list) else []


def each(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return a value changed, or a grid with each of its values changed."""
    if _is_grid(value) and isinstance(value["grid"], list):
        return {"grid": [change(one) for one in value["grid"]]}
    return change(value)


def find(source: Source, free: Collection[Key]) -> dict[Key, list[Any]]:
    """Return the values of each grid by its key, in the order of the file; mistakes in them join `source.problems`.

    There are none where they are mistaken: too many combinations, no list, or a value that is there twice.

    :param free: keys of mappings whose keys are the user's own; there is no grid in them.
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

    The last grid varies fastest. Without any grid there is one combination, which is the source as it is.
    """
    for choice in itertools.product(*(range(len(grid)) for grid in grids.values())):
        chosen = dict(zip(grids, choice, strict=True))
        yield {dotted(key): grids[key][at] for key, at in chosen.items()}, _filled(source, grids, chosen)


def name(settings: Mapping[str, Any]) -> str:
    """Return settings as `--set` takes them, with commas between; empty for none."""
    return ", ".join(f"{key}={_yaml(value)}" for key, value in settings.items())


def quoted(text: str) -> str:
    """Return a text between the quotes in which YAML reads it as it is, on one line."""
    dumped: str = yaml.safe_dump(text, default_style='"', width=math.inf, allow_unicode=True)
    return dumped.rstrip("\n")


def _yaml(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True)
    return text.removesuffix("...\n").strip()


def _is_grid(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"grid"}


def _within(key: Key, value: Any, free: Collection[Key]) -> Iterator[tuple[Key, Any]]:
    """Yield the grids below a key; a mapping with keys of the user's own has none."""
    if not isinstance(value, dict) or key in free:
        return
    if _is_grid(value) and len(key) > 1:
        yield key, value
        return
    for part, inner in value.items():
        yield from _within((*key, part), inner, free)


def _fault(grid: Any) -> str:
    """Return what is wrong with a grid; empty where nothing is."""
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
