"""The mappings inside a section (`retrieve.rerank`, `retrieve.rewrite`): their mistakes are named as closely as a section's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from ragqa import Pipeline
from ragqa.config import Config
from ragqa.config.schema import json_schema
from ragqa.errors import ConfigError
from ragqa.kinds import BUILTIN, load_config
from tests.config.test_config import FILE, problems

RETRIEVE = "retrieve: {kind: hybrid, top_k: 3}\n"
SCHEMA = Draft202012Validator(json_schema(BUILTIN))


def with_retrieve(*lines: str) -> str:
    """Return the file with these lines from line 8 on, under `retrieve:` on line 6."""
    return FILE.replace(RETRIEVE, "retrieve:\n  kind: hybrid\n" + "".join(f"  {line}\n" for line in lines))


def with_rerank(*lines: str) -> str:
    """Return the file with these lines from line 9 on, under `rerank:` on line 8."""
    return with_retrieve("rerank:", *(f"  {line}" for line in lines))


def nested(config: Config, name: str) -> Any:
    """Return a part of the section `retrieve`."""
    return getattr(config.retrieve, name)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "documents").mkdir()
    (tmp_path / "p.yaml").write_text(FILE, encoding="utf-8")
    return tmp_path


def model_folder(folder: Path, architecture: str) -> Path:
    """Make a folder that looks like a model's; its weights are never read."""
    folder.mkdir(parents=True)
    config = {"architectures": [architecture], "max_position_embeddings": 512}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


KINDS = "valid: cross_encoder, likelihood, encoder"
BAD = [
    (
        "a typo in a key",
        with_rerank("kind: cross_encoder", "model: a/b", "dept: 20"),
        "11:5: retrieve.rerank.dept: unknown key in retrieve.rerank (kind cross_encoder); did you mean 'depth'? "
        "valid: depth, weight, kind, model, revision",
    ),
    (
        "a key of the section in the mapping",
        with_rerank("kind: likelihood", "top_k: 5"),
        "10:5: retrieve.rerank.top_k: unknown key in retrieve.rerank (kind likelihood); valid: depth, weight, kind",
    ),
    (
        "a key of another kind of the mapping",
        with_rerank("kind: likelihood", "model: a/b"),
        "10:5: retrieve.rerank.model: unknown key in retrieve.rerank (kind likelihood); valid: depth, weight, kind",
    ),
    (
        "an unknown kind",
        with_rerank("depth: 20", "kind: liklihood"),
        f"10:5: retrieve.rerank.kind: unknown kind 'liklihood'; did you mean 'likelihood'? {KINDS}",
    ),
    ("a kind that is no word", with_rerank("kind: 3"), f"9:5: retrieve.rerank.kind: unknown kind 3; {KINDS}"),
    ("a kind that is a list", with_rerank("kind: [a]"), f"9:5: retrieve.rerank.kind: unknown kind ['a']; {KINDS}"),
    ("no kind", with_rerank("depth: 20"), f"8:3: retrieve.rerank.kind: missing; {KINDS}"),
    ("an empty kind", with_rerank("depth: 20", "kind:"), f"10:5: retrieve.rerank.kind: missing; {KINDS}"),
    ("an empty mapping", with_retrieve("rerank: {}"), f"8:3: retrieve.rerank.kind: missing; {KINDS}"),
    (
        "no model",
        with_rerank("kind: encoder"),
        "8:3: retrieve.rerank.model: missing in retrieve.rerank (kind encoder)",
    ),
    (
        "an empty model",
        with_rerank("kind: encoder", "model: ''"),
        "10:5: retrieve.rerank.model: must be",
    ),
    (
        "a weight of 0",
        with_rerank("kind: likelihood", "weight: 0"),
        "10:5: retrieve.rerank.weight: must be greater than 0, got 0",
    ),
    (
        "a weight above 1",
        with_rerank("kind: likelihood", "weight: 1.5"),
        "10:5: retrieve.rerank.weight: must be less than or equal to 1, got 1.5",
    ),
    (
        "text for a number",
        with_rerank("kind: likelihood", "depth: '20'"),
        "10:5: retrieve.rerank.depth: must be a valid integer, got '20' (that is text in YAML; write 20)",
    ),
    (
        "yes for a number",
        with_rerank("kind: likelihood", "depth: yes"),
        "10:5: retrieve.rerank.depth: must be a valid integer, got True (YAML reads yes",
    ),
    (
        "a list for a word",
        with_rerank("kind: encoder", "model: [a]"),
        "10:5: retrieve.rerank.model: must be a valid string, got ['a']",
    ),
    (
        "a duplicate key",
        with_rerank("kind: likelihood", "depth: 20", "depth: 30"),
        "11:5: retrieve.rerank.depth: duplicate key; first on line 10",
    ),
    (
        "a word for the mapping",
        with_retrieve("rerank: likelihood"),
        "8:3: retrieve.rerank: must be a mapping with a kind of cross_encoder, likelihood, encoder, endpoint, got 'likelihood'; "
        "write `rerank: {kind: likelihood}`",
    ),
    (
        "another word for the mapping",
        with_retrieve("rerank: yes"),
        "got True; write `rerank: {kind: NAME}`",
    ),
    (
        "a list for the mapping",
        with_retrieve("rerank: [{kind: likelihood}]"),
        "8:3: retrieve.rerank: must be a mapping",
    ),
    (
        "an unknown kind of rewriting",
        with_retrieve("rewrite: {kind: multiquery}"),
        "8:13: retrieve.rewrite.kind: unknown kind 'multiquery'; did you mean 'multi_query'? valid: multi_query, hyde",
    ),
    (
        "a key of another kind of rewriting",
        with_retrieve("rewrite: {kind: hyde, n: 3}"),
        "8:25: retrieve.rewrite.n: unknown key in retrieve.rewrite (kind hyde); valid: kind",
    ),
    (
        "no other wording",
        with_retrieve("rewrite: {kind: multi_query, n: 0}"),
        "retrieve.rewrite.n: must be greater than or equal to 1, got 0",
    ),
    (
        "a word for the rewriting",
        with_retrieve("rewrite: hyde"),
        "retrieve.rewrite: must be a mapping with a kind of multi_query, hyde, got 'hyde'; write `rewrite: {kind: hyde}`",
    ),
]


@pytest.mark.parametrize(("text", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_mistake_is_named_with_its_place_and_what_is_valid_there(place: Path, text: str, message: str) -> None:
    (found,) = problems(place, text)
    assert message in found
    assert found.startswith("p.yaml:")


@pytest.mark.parametrize("text", [case[1] for case in BAD if "duplicate" not in case[0]])
def test_the_schema_refuses_the_same_mistakes(text: str) -> None:
    with pytest.raises(ValidationError):
        SCHEMA.validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "lines",
    [
        ("rerank: {kind: likelihood, depth: 20, weight: 1.0}", "rewrite: {kind: multi_query, n: 2}"),
        ("rerank: {kind: cross_encoder, model: ./x}", "rewrite: {kind: hyde}", "feedback: 3"),
        ("rerank: {kind: encoder, model: owner/name, revision: abc}", "rewrite: null"),
    ],
)
@pytest.mark.parametrize("kind", ["dense", "lexical", "hybrid"])
def test_the_schema_knows_what_is_valid_inside_every_kind_of_section(
    place: Path, kind: str, lines: tuple[str, ...]
) -> None:
    if kind == "lexical":
        lines = tuple(line for line in lines if "hyde" not in line and "feedback" not in line)
    text = with_retrieve(*lines).replace("kind: hybrid", f"kind: {kind}")
    SCHEMA.validate(yaml.safe_load(text))
    (place / "p.yaml").write_text(text, encoding="utf-8")
    assert load_config(place / "p.yaml").retrieve.kind == kind
    extending = {"version": 1, "extends": "p.yaml", "retrieve": yaml.safe_load(text)["retrieve"]}
    SCHEMA.validate(extending)


def test_all_mistakes_of_both_mappings_are_found_at_once(place: Path) -> None:
    text = with_retrieve("rerank: {kind: encoder, weight: 2, dept: 3}", "rewrite: {kind: hyde, n: 1}", "top_k: 0")
    keys = sorted(problem.split(": ")[1] for problem in problems(place, text))
    names = ("rerank.dept", "rerank.model", "rerank.weight", "rewrite.n", "top_k")
    assert keys == [f"retrieve.{name}" for name in names]


def test_a_mapping_may_be_left_out_and_its_other_keys_have_defaults(place: Path) -> None:
    assert (nested(load_config(place / "p.yaml"), "rerank"), nested(load_config(place / "p.yaml"), "rewrite")) == (
        None,
        None,
    )
    text = with_retrieve("rerank: {kind: likelihood}", "rewrite: {kind: multi_query}")
    (place / "p.yaml").write_text(text, encoding="utf-8")
    resolved = load_config(place / "p.yaml").resolved()["retrieve"]
    assert resolved["rerank"] == {"depth": 50, "weight": 0.5, "kind": "likelihood"}
    assert resolved["rewrite"] == {"kind": "multi_query", "n": 3}
    (place / "p.yaml").write_text(with_retrieve("rerank: null"), encoding="utf-8")
    assert nested(load_config(place / "p.yaml"), "rerank") is None


def test_set_gives_a_whole_mapping_and_takes_the_place_of_that_in_the_file(place: Path) -> None:
    (place / "p.yaml").write_text(with_rerank("kind: encoder", "model: a/b", "depth: 7"), encoding="utf-8")
    rerank = nested(load_config(place / "p.yaml", ["retrieve.rerank={kind: likelihood}"]), "rerank")
    assert (rerank.kind, rerank.depth) == ("likelihood", 50)
    assert nested(load_config(place / "p.yaml", ["retrieve.rerank=null"]), "rerank") is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{kind: liklihood}", "retrieve.rerank.kind: unknown kind 'liklihood'; did you mean 'likelihood'?"),
        ("{kind: encoder, model: x/y, depth: 0}", "retrieve.rerank.depth: must be greater than or equal to 1, got 0"),
        ("{depth: 3}", "retrieve.rerank.kind: missing; valid: cross_encoder"),
        ("likelihood", "write `rerank: {kind: likelihood}`"),
    ],
)
def test_a_mistake_in_set_is_placed_there_and_not_in_the_mapping_that_it_replaces(
    place: Path, value: str, message: str
) -> None:
    text = with_rerank("kind: encoder", "model: a/b", "depth: 7")
    (found,) = problems(place, text, (f"retrieve.rerank={value}",))
    assert found.startswith(f"--set retrieve.rerank={value}:1:1: ") and message in found


def test_a_mapping_replaces_that_of_the_file_it_extends_and_its_mistakes_are_its_own(place: Path) -> None:
    (place / "p.yaml").write_text(
        with_rerank("kind: encoder", "model: all-mpnet-base-v2", "depth: 7"), encoding="utf-8"
    )
    child = place / "child.yaml"
    child.write_text("version: 1\nextends: p.yaml\nretrieve:\n  rerank: {kind: likelihood}\n", encoding="utf-8")
    config = load_config(child)
    assert (config.retrieve.kind, nested(config, "rerank").kind, nested(config, "rerank").depth) == (
        "hybrid",
        "likelihood",
        50,
    )
    child.write_text("version: 1\nextends: p.yaml\nretrieve:\n  rerank: {depth: 9}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(child)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.column) == (str(child), 4, 3)
    assert problem.key == "retrieve.rerank.kind"


def test_a_relative_model_folder_is_taken_from_the_file_it_stands_in(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_folder(place / "models" / "reranker", "BertForSequenceClassification")
    (place / "elsewhere").mkdir()
    (place / "p.yaml").write_text(with_rerank("kind: cross_encoder", "model: ./models/reranker"), encoding="utf-8")
    monkeypatch.chdir(place / "elsewhere")
    assert nested(load_config("../p.yaml"), "rerank").model == str(place / "elsewhere" / ".." / "models" / "reranker")
    assert Pipeline.from_file("../p.yaml").check().problems == ()
    child = place / "elsewhere" / "child.yaml"
    child.write_text("version: 1\nextends: ../p.yaml\n", encoding="utf-8")
    assert Path(nested(load_config(child), "rerank").model).resolve() == place / "models" / "reranker"
    given = load_config("../p.yaml", ["retrieve.rerank={kind: encoder, model: ./other}"])
    assert nested(given, "rerank").model == str(place / "elsewhere" / "other")
    hub = load_config("../p.yaml", ["retrieve.rerank={kind: encoder, model: owner/name}"])
    assert nested(hub, "rerank").model == "owner/name"


def test_a_reranker_that_is_unknown_is_a_problem_and_one_that_is_not_here_a_note(place: Path) -> None:
    for kind in ("encoder", "cross_encoder"):
        (found,) = problems(place, with_rerank(f"kind: {kind}", "model: all-mpnet-base"))
        assert found.startswith(
            "p.yaml:10:5: retrieve.rerank.model: unknown model 'all-mpnet-base': did you mean all-m"
        )
        (place / "p.yaml").write_text(with_rerank(f"kind: {kind}", "model: someone/ranker"), encoding="utf-8")
        report = Pipeline.from_file(place / "p.yaml").check()
        assert report.problems == () and report.budget is not None
        note = "retrieve.rerank.model someone/ranker is not here: run `ragqa models pull someone/ranker`"
        assert note in report.notes


def test_a_model_folder_that_cannot_be_used_is_a_problem(place: Path) -> None:
    (place / "empty").mkdir()
    (found,) = problems(place, with_rerank("kind: cross_encoder", "model: ./empty"))
    assert "10:5: retrieve.rerank.model: " in found and "only these formats are loaded" in found


@pytest.mark.parametrize(
    ("kind", "architecture", "message"),
    [
        ("cross_encoder", "BertForSequenceClassification", None),
        ("cross_encoder", "BertModel", "is a model of kind embedder, not reranker"),
        ("cross_encoder", "LlamaForCausalLM", "is a model of kind generator, not reranker"),
        ("encoder", "BertModel", None),
        ("encoder", "BertForSequenceClassification", "is a model of kind reranker, not embedder"),
        ("encoder", "LlamaForCausalLM", "is a model of kind generator, not embedder"),
    ],
)
def test_a_model_of_another_kind_is_a_problem(place: Path, kind: str, architecture: str, message: str | None) -> None:
    model_folder(place / "ranker", architecture)
    found = problems(place, with_rerank(f"kind: {kind}", "model: ./ranker"))
    assert len(found) == (message is not None)
    assert all("10:5: retrieve.rerank.model: " in problem and str(message) in problem for problem in found)


def test_a_cross_encoder_saved_by_sentence_transformers_is_a_reranker_and_no_embedder(place: Path) -> None:
    (model_folder(place / "ranker", "BertForSequenceClassification") / "modules.json").write_text("[]", "utf-8")
    assert problems(place, with_rerank("kind: cross_encoder", "model: ./ranker")) == []
    (found,) = problems(place, FILE.replace("model: all-minilm-l6-v2", "model: ./ranker"))
    assert "embed.model: " in found and "is a model of kind reranker, not embedder" in found


@pytest.mark.parametrize(
    ("generate", "kind"),
    [
        ("{kind: openai, base_url: http://localhost:1/v1, model: m}", "openai"),
        ("{kind: llama_cpp, model: smollm2-135m-instruct}", "llama_cpp"),
    ],
)
def test_likelihood_by_a_generator_that_gives_none_is_found_without_loading_it(
    place: Path, generate: str, kind: str
) -> None:
    text = with_rerank("kind: likelihood").replace("{kind: causal_lm, model: smollm2-135m-instruct}", generate)
    assert generate in text
    (place / "p.yaml").write_text(text, encoding="utf-8")
    pipeline = Pipeline.from_file(place / "p.yaml")
    (problem,) = pipeline.check().problems
    assert (problem.line, problem.column, problem.key) == (8, 3, "retrieve.rerank")
    assert problem.message == f"likelihood needs generate of kind causal_lm, got {kind}"
    assert not {"generator", "_scorer", "retriever"} & set(vars(pipeline))


def test_likelihood_by_the_causal_lm_of_the_file_is_no_problem(place: Path) -> None:
    assert problems(place, with_rerank("kind: likelihood")) == []


@pytest.mark.parametrize("line", ["feedback: 3", "rewrite: {kind: hyde}"])
def test_what_moves_a_vector_is_refused_where_none_is_searched(place: Path, line: str) -> None:
    (found,) = problems(place, with_retrieve(line).replace("kind: hybrid", "kind: lexical"))
    assert "move a vector, which kind lexical does not search" in found
