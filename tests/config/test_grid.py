"""A grid of values is a search space for `tune` only. All of it is checked, and each mistake has its position."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ragqa.config import Config
from ragqa.errors import ConfigError
from ragqa.kinds import load_combinations, load_config

FILE = """\
version: 1
load:     {kind: folder, path: documents}
split:    {kind: recursive, chunk_size: 200, overlap: 40}
embed:    {kind: mean_pool, model: all-minilm-l6-v2}
index:    {kind: faiss, path: index}
retrieve: {kind: hybrid, top_k: {grid: [3, 5]}}
prompt:   {kind: in_context, template: qa, order: {grid: [best_first, best_at_ends]}}
generate: {kind: causal_lm, model: smollm2-135m-instruct}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path, FILE)


def written(place: Path, text: str, name: str = "p.yaml") -> Path:
    path = place / name
    path.write_text(text, encoding="utf-8")
    return path


def faults(file: Path, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_combinations(file, overrides)
    return [str(problem).removeprefix(f"{file.parent}/") for problem in caught.value.problems]


def test_two_grids_are_their_product_and_the_last_varies_fastest(file: Path) -> None:
    combinations = load_combinations(file)
    assert [one.name for one in combinations] == [
        "retrieve.top_k=3, prompt.order=best_first",
        "retrieve.top_k=3, prompt.order=best_at_ends",
        "retrieve.top_k=5, prompt.order=best_first",
        "retrieve.top_k=5, prompt.order=best_at_ends",
    ]
    assert [(one.config.retrieve.top_k, one.config.resolved()["prompt"]["order"]) for one in combinations][1] == (
        3,
        "best_at_ends",
    )
    assert combinations[2].settings == {"retrieve.top_k": 5, "prompt.order": "best_first"}


def test_a_combination_is_the_config_that_the_file_with_its_values_gives(file: Path) -> None:
    def plain(config: Config) -> dict[str, Any]:
        return config.resolved()

    last = load_combinations(file)[-1]
    assert plain(last.config) == plain(load_config(file, ["retrieve.top_k=5", "prompt.order=best_at_ends"]))


def test_a_file_without_a_grid_has_one_combination_without_a_name(file: Path) -> None:
    (only,) = load_combinations(file, ["retrieve.top_k=4", "prompt.order=best_first"])
    assert (only.name, only.settings, only.config.retrieve.top_k) == ("", {}, 4)


def test_every_other_command_says_where_the_grid_stands_and_what_takes_it(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(written(file.parent, FILE.replace("overlap: 40", "overlap: -1")))
    texts = [str(problem).removeprefix(f"{file.parent}/") for problem in caught.value.problems]
    only = "a grid is for `ragqa tune` alone; give one value, or tune the file"
    assert texts[1:] == [f"p.yaml:6:26: retrieve.top_k: {only}", f"p.yaml:7:44: prompt.order: {only}"]
    assert texts[0].startswith("p.yaml:3:46: split.overlap: must be greater than or equal to 0")


def test_a_bad_value_is_named_once_where_it_stands(file: Path) -> None:
    written(file.parent, FILE.replace("[3, 5]", "[3, 0, few]"))
    assert faults(file) == [
        "p.yaml:6:44: retrieve.top_k: must be greater than or equal to 1, got 0",
        "p.yaml:6:47: retrieve.top_k: must be a valid integer, got 'few'",
    ]


@pytest.mark.parametrize(
    ("grid", "fault"),
    [
        ("[]", "a grid is a list of at least one value, such as `{grid: [3, 5]}`; got []"),
        ("3", "a grid is a list of at least one value, such as `{grid: [3, 5]}`; got 3"),
        ("[3, 5, 3]", "3 stands twice in the grid; give each value once"),
    ],
)
def test_a_grid_that_is_no_list_of_values_is_a_mistake(file: Path, grid: str, fault: str) -> None:
    written(file.parent, FILE.replace("[3, 5]", grid))
    assert f"p.yaml:6:26: retrieve.top_k: {fault}" in faults(file)


def test_more_than_64_combinations_are_refused_before_any_is_made(file: Path) -> None:
    written(file.parent, FILE.replace("[3, 5]", str(list(range(1, 34)))))
    assert "p.yaml:7:44: prompt.order: the 2 grids have 66 combinations; at most 64: shorten one" in faults(file)
    written(file.parent, FILE.replace("[3, 5]", str(list(range(1, 33)))))
    assert len(load_combinations(file)) == 64


def test_a_grid_can_be_given_on_the_command_line_and_its_mistakes_name_it(file: Path) -> None:
    combinations = load_combinations(file, ["retrieve.top_k={grid: [7, 8, 9]}", "prompt.order=best_first"])
    assert [one.config.retrieve.top_k for one in combinations] == [7, 8, 9]
    assert faults(file, "retrieve.top_k={grid: [7, x]}") == [
        "--set retrieve.top_k={grid: [7, x]}:1:1: retrieve.top_k: must be a valid integer, got 'x'"
    ]


def rerank(config: Config) -> Any:
    return config.resolved()["retrieve"]["rerank"]


def test_values_may_be_mappings_nested_keys_and_paths_relative_to_the_file(file: Path) -> None:
    reranks = "rerank: {grid: [null, {kind: encoder, model: ./own}]}"
    text = FILE.replace("top_k: {grid: [3, 5]}", reranks).replace("template: qa", "template: {grid: [qa, ./t.txt]}")
    combinations = load_combinations(written(file.parent, text))
    assert [rerank(one.config) is None for one in combinations] == [True] * 4 + [False] * 4
    assert rerank(combinations[-1].config)["model"] == str(file.parent / "own")
    assert combinations[-1].config.prompt.template_name() == str(file.parent / "t.txt")
    nested = "rerank: {kind: encoder, model: all-minilm-l6-v2, weight: {grid: [0.2, 0.4]}}"
    text = FILE.replace("top_k: {grid: [3, 5]}", nested)
    assert load_combinations(written(file.parent, text))[0].settings["retrieve.rerank.weight"] == 0.2


def test_a_metadata_filter_by_the_name_of_grid_is_no_grid(file: Path) -> None:
    overrides = ["retrieve.filter={grid: [north, south]}", "retrieve.top_k=3", "prompt.order=best_first"]
    assert load_config(file, overrides).retrieve.filter == {"grid": ["north", "south"]}


def test_a_grid_of_an_extended_file_is_inherited_and_can_be_overridden_by_a_value(file: Path) -> None:
    child = written(file.parent, "version: 1\nextends: p.yaml\nretrieve: {top_k: 9}\n", "child.yaml")
    assert [one.name for one in load_combinations(child)] == ["prompt.order=best_first", "prompt.order=best_at_ends"]
    assert {one.config.retrieve.top_k for one in load_combinations(child)} == {9}


def test_a_grid_of_kinds_with_the_files_own_keeps_what_all_of_them_have(tmp_path: Path) -> None:
    plain = FILE.replace("{grid: [best_first, best_at_ends]}", "best_first")
    file = written(tmp_path, plain.replace("top_k: {grid: [3, 5]}", "top_k: 1, fusion: rrf"))
    found = load_combinations(file, ["retrieve.kind={grid: [hybrid, dense]}"])
    assert [(one.config.retrieve.kind, one.config.retrieve.top_k) for one in found] == [("hybrid", 1), ("dense", 1)]
    others = load_combinations(file, ["retrieve.kind={grid: [dense, lexical]}"])
    assert {one.config.retrieve.top_k for one in others} == {5}
