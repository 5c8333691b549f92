"""The pipeline file: every mistake is found at once, with its place and what would be valid; nothing is ever built from it."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from ragqa import Pipeline, models
from ragqa.config.schema import json_schema
from ragqa.config.slots import SECTIONS
from ragqa.errors import ConfigError
from ragqa.kinds import BUILTIN, load_config
from tests import ROOT
from tests.commands import ragqa
from tests.limits import no_hang
from tests.models.test_models import make_folder, write_gguf

FILE = """\
version: 1
load:     {kind: folder, path: documents}
split:    {kind: recursive, chunk_size: 200, overlap: 40}
embed:    {kind: mean_pool, model: all-minilm-l6-v2}
index:    {kind: faiss, path: index}
retrieve: {kind: hybrid, top_k: 3}
prompt:   {kind: in_context, template: qa}
generate: {kind: causal_lm, model: smollm2-135m-instruct}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "documents").mkdir()
    (tmp_path / "p.yaml").write_text(FILE, encoding="utf-8")
    return tmp_path


def problems(place: Path, text: str | bytes, overrides: tuple[str, ...] = ()) -> list[str]:
    """Return every mistake in a file, as `check` prints it, the folder left out."""
    file = place / "p.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        found = Pipeline.from_file(file, overrides).check().problems
    except ConfigError as error:
        found = error.problems
    return [str(problem).replace(f"{place}/", "") for problem in found]


BAD = [
    ("unknown section", "split:    {", "splitt:   {", "p.yaml:3:1: splitt: unknown section; did you mean 'split'?"),
    ("missing section", "embed:    {kind: mean_pool, model: all-minilm-l6-v2}\n", "", "embed: missing; write `embed:"),
    ("unknown key", "chunk_size", "chunksize", "p.yaml:3:29: split.chunksize: unknown key in split"),
    ("duplicate key", "overlap: 40", "chunk_size: 9", "3:46: split.chunk_size: duplicate key; first on line 3"),
    ("duplicate section", "index:    {", "load:     {", "p.yaml:5:1: load: duplicate key; first on line 2"),
    (
        "wrong kind",
        "kind: hybrid",
        "kind: hybird",
        "6:12: retrieve.kind: unknown kind 'hybird'; did you mean 'hybrid'?",
    ),
    ("missing kind", "kind: hybrid, ", "", "retrieve.kind: missing; valid: dense, lexical, hybrid"),
    ("missing key", ", model: all-minilm-l6-v2", "", "embed.model: missing in embed (kind mean_pool)"),
    ("wrong type", "top_k: 3", "top_k: three", "retrieve.top_k: must be a valid integer, got 'three'"),
    ("text for a number", "top_k: 3", 'top_k: "3"', "got '3' (that is text in YAML; write 3)"),
    ("a list for a word", "template: qa", "template: [qa]", "prompt.template: must be a valid string"),
    ("yes for a number", "top_k: 3", "top_k: yes", "got True (YAML reads yes, no, on and off as booleans"),
    ("no for a word", "template: qa", "template: no", "prompt.template: must be a valid string, got False"),
    ("an exponent that YAML takes for text", "top_k: 3", "min_score: 1e-4", "(that is text in YAML; write 1.0e-4)"),
    ("not a number", "top_k: 3", "min_score: .nan", "retrieve.min_score: must be a finite number, got nan"),
    ("infinity", "top_k: 3", "min_score: .inf", "retrieve.min_score: must be a finite number, got inf"),
    ("another base", "top_k: 3", "top_k: 010", "'010' is a number that YAML reads in another base"),
    ("minutes", "top_k: 3", "top_k: 1:30", "'1:30' is a number that YAML reads in another base"),
    ("out of range", "top_k: 3", "top_k: 0", "retrieve.top_k: must be greater than or equal to 1, got 0"),
    ("values that exclude each other", "overlap: 40", "overlap: 200", "overlap 200 must be below chunk_size 200"),
    (
        "a tag",
        "kind: folder",
        "kind: !!python/object/apply:os.system [id]",
        "tag 'tag:yaml.org,2002:python/object/apply:os",
    ),
    ("a tag of one's own", "top_k: 3", "top_k: !secret 3", "tag '!secret' is not allowed"),
    ("an alias", "path: index}", "path: &p index}\nevaluate: {kind: jsonl, path: *p}", "alias *p is not allowed"),
    ("a merge key", "version: 1", "version: 1\n<<: {a: 1}", "merge keys (<<) are not allowed"),
    ("a class path", "kind: folder", "kind: os.system", "load.kind: unknown kind 'os.system'; valid: folder"),
    (
        "a path that does not exist",
        "path: documents",
        "path: nowhere",
        "p.yaml:2:26: load.path: path not found: nowhere",
    ),
    (
        "an unknown template",
        "template: qa",
        "template: qna",
        "prompt.template: unknown 'qna'; valid: qa, span, answerable, chat",
    ),
    ("a template that does not exist", "template: qa", "template: ./my.txt", "prompt.template: no such file: my.txt"),
    (
        "an unknown model",
        "all-minilm-l6-v2",
        "all-minilm-l6",
        "embed.model: unknown model 'all-minilm-l6': did you mean",
    ),
    (
        "a model of another kind",
        "all-minilm-l6-v2",
        "smollm2-135m-instruct",
        "is a model of kind generator, not embedder",
    ),
    ("a chunk beyond the window", "chunk_size: 200", "chunk_size: 250", "split.chunk_size: 250 tokens do not fit"),
    ("no version", "version: 1\n", "", "version: missing; write `version: 1`"),
    ("a newer version", "version: 1", "version: 2", "version 2 is newer than this ragqa"),
    ("broken YAML", "top_k: 3}", "top_k: 3", "not YAML: "),
    ("broken YAML of an earlier line", "top_k: 3}", "top_k: 3", "while parsing a flow mapping that begins at "),
    ("a list", FILE, "- a\n- b\n", "a pipeline file is a mapping of sections"),
    ("an empty file", FILE, "", "a pipeline file is a mapping of sections"),
    ("a base that does not exist", "version: 1", "version: 1\nextends: no.yaml", "extends: no such file: no.yaml"),
    ("a base that is itself", "version: 1", "version: 1\nextends: p.yaml", "extends: p.yaml extends itself"),
    ("deep nesting", "top_k: 3", "filter: " + "[" * 50 + "]" * 50, "nested deeper than 20 levels"),
    ("an address without a scheme", "kind: causal_lm,", "kind: openai, base_url: x.org,", "must begin with http://"),
]


@pytest.mark.parametrize(("old", "new", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_mistake_is_named_with_its_place(place: Path, old: str, new: str, message: str) -> None:
    assert old in FILE
    found = problems(place, FILE.replace(old, new, 1))
    assert any(message in problem for problem in found), found
    assert all(problem.startswith("p.yaml:") for problem in found)


def test_a_file_of_5_mb_and_one_that_is_not_utf8_are_refused(place: Path) -> None:
    (found,) = problems(place, FILE + "#" * 5_000_000)
    assert found.endswith("bytes; at most 1,000,000 are read")
    assert problems(place, b"version: \xff") == ["p.yaml:1:1: not UTF-8 at byte 9"]


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file(place: Path) -> None:
    text = FILE.replace("kind: folder", "kind: foldr").replace("top_k: 3", "top_k: yes").replace("template", "tempalte")
    keys = [problem.split(": ")[1] for problem in problems(place, text)]
    assert keys == ["load.kind", "retrieve.top_k", "prompt.tempalte"]


EVERYTHING = """\
version: 1
load:     {kind: folder, path: nowhere, incude: [a]}
split:    {kind: recursive, chunk_size: "200", overlap: 40}
embed:    {kind: mean_pool, model: &m all-minilm-l6-v3, dtpye: auto}
index:    {kind: faiss, path: *m, search: best}
retrieve: {kind: hybrid, top_k: 0x3, rerank: {kind: encoder, model: nope, dept: 5}}
prompt:   {kind: in_context, template: qna, oder: best_first, n_examples: 3, examples_split: x, answer: text, min_confidence: high}
generate: {kind: causal_lm, model: smollm2-360m, dtype: int8, engine: transformers, batch_size: -1}
evaluate: {kind: jsonl, path: no.jsonl}
splitt:   {kind: recursive}
"""


def test_a_first_look_finds_every_mistake_whatever_kinds_of_mistakes_there_are(place: Path) -> None:
    keys = [problem.split(": ")[1] for problem in problems(place, EVERYTHING, ("generate.seed=-1", "nonsense"))]
    assert list(dict.fromkeys(keys)) == [
        "load.path", "load.incude", "split.chunk_size", "embed.model", "embed.dtpye", "index.path", "index.search",
        "retrieve.top_k", "retrieve.rerank.model", "retrieve.rerank.dept", "prompt.template", "prompt.oder", "prompt.n_examples",
        "prompt.examples_split", "prompt.answer", "prompt.min_confidence", "generate.model", "generate.dtype", "generate.batch_size",
        "evaluate.path",
        "splitt", "generate.seed", "must be section.key=value with a section of load, split, embed, index, retrieve, prompt, generate, evaluate, serve",
    ]  # fmt: skip


def test_what_is_mended_shows_no_mistake_that_was_there_before(place: Path) -> None:
    """Of all pairs of mistakes in two sections, both are named at once.

    But whether a chunk fits into a window is not known where the embedder's model is not.
    """
    single = [case for case in BAD if "\n" not in case[1] + case[2] and case[1] not in (FILE, "top_k: 3}")]
    independent = [
        (old, new, message) for name, old, new, message in single if not re.search("base|nesting|window", name)
    ]
    missed = []
    for n, (old, new, message) in enumerate(independent):
        for other_old, other_new, other in independent[n + 1 :]:
            text = FILE.replace(old, new, 1)
            both = text.replace(other_old, other_new, 1)
            if section(old) == section(other_old) or both == text or other_old not in text:
                continue
            found = problems(place, both)
            said = [re.sub(r"^(p\.yaml:)?\d+:\d+: ", "", m) for m in (message, other)]  # places move
            missed += [(new, other_new, m) for m in said if not any(m in problem for problem in found)]
    assert missed == []


def section(text: str) -> str:
    """Return the first line of FILE that contains a text."""
    return next(line for line in FILE.splitlines() if text in line)


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        # what depends on a key that is mistaken is not judged by the default that nobody chose
        ("chunk_size: 200, overlap: 40", "chunksize: 400, overlap: 300", ["split.chunksize"]),
        ("chunk_size: 200, overlap: 40", "chunk_size: x, overlap: 300", ["split.chunk_size"]),
        ("kind: causal_lm", "kind: casual_lm", ["generate.kind"]),
        ("all-minilm-l6-v2", "5", ["embed.model"]),
        ("top_k: 3", "rerank: {kind: nope}", ["retrieve.rerank.kind"]),
        ("top_k: 3", "rerank: {kind: likelihood, depth: 0}", ["retrieve.rerank.depth"]),
        ("template: qa", "template: 5", ["prompt.template"]),
        ("split:    {", "splitt:   {", ["splitt"]),
        ("version: 1", "version: 1\nextends: no.yaml", ["extends"]),
        ("template: qa", "template: &a qa, examples: *a, n_examples: 1", ["prompt.examples"]),
    ],
)  # fmt: skip
def test_a_mistake_is_named_once_and_nothing_that_only_follows_from_it(
    place: Path, old: str, new: str, keys: list[str]
) -> None:
    assert [problem.split(": ")[1] for problem in problems(place, FILE.replace(old, new, 1))] == keys


def test_what_a_base_that_cannot_be_read_may_hold_is_not_called_missing(place: Path) -> None:
    (place / "base.yaml").write_text("version: 1\nload: [", encoding="utf-8")
    child = "version: 1\nextends: base.yaml\nretrieve: {top_k: x}\nprompt: {kind: in_context, template: qna}\n"
    found = problems(place, child)
    assert ["template: unknown" in found[0], found[1].startswith("base.yaml:2:8: not YAML")] == [True, True]
    assert len(found) == 2


def test_mistakes_of_a_file_and_of_the_one_it_extends_are_found_together(place: Path) -> None:
    (place / "base.yaml").write_text(FILE.replace("top_k: 3", "top_k: 0x3, dept: 9"), encoding="utf-8")
    child = "version: 1\nextends: base.yaml\nprompt: {template: qna}\ngenerate: {max_new_token: 9}\n"
    assert [problem.split(": ")[:2] for problem in problems(place, child)] == [
        ["p.yaml:3:10", "prompt.template"], ["p.yaml:4:12", "generate.max_new_token"],
        ["base.yaml:6:33", "retrieve.top_k"], ["base.yaml:6:38", "retrieve.dept"],
    ]  # fmt: skip
    mended = problems(place, child + "retrieve: {top_k: 3, depth: 9}\n")
    assert len(mended) == 4  # the base is no better for that


def test_every_conflict_of_a_section_is_named_at_its_key(place: Path) -> None:
    wrong = "engine: transformers, dtype: int8, batch_size: 4, decode: span"
    found = problems(place, FILE.replace("smollm2-135m-instruct", f"smollm2-135m-instruct, {wrong}"))
    assert [problem.split(": ")[1] for problem in found] == [
        "generate.dtype",
        "generate.batch_size",
        "generate.batch_size",
    ]


def test_each_file_is_checked_whatever_is_wrong_with_the_others(place: Path) -> None:
    (place / "q.yaml").write_text(FILE.replace("qa", "qna").replace("top_k: 3", "top_k: x"), encoding="utf-8")
    (place / "r.yaml").write_text("- no", encoding="utf-8")
    done = ragqa("check", "q.yaml", "none.yaml", "r.yaml", "p.yaml", "documents", "--json", cwd=place)
    files = done.said["files"]
    assert [(file["ok"], len(file["problems"])) for file in files] == [
        (False, 2),
        (False, 1),
        (False, 1),
        (True, 0),
        (True, 0),
    ]
    assert done.code == 2


def test_every_command_names_every_mistake_of_a_file(place: Path) -> None:
    (place / "p.yaml").write_text(FILE.replace("qa", "qna").replace("top_k: 3", "top_k: x"), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        Pipeline.from_file(place / "p.yaml")
    assert [problem.key for problem in caught.value.problems] == ["retrieve.top_k", "prompt.template"]


def test_aliases_are_not_followed_however_many_there_are(place: Path) -> None:
    bomb = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    with no_hang():
        found = problems(place, f"a0: &a0 x\n{bomb}{FILE}loop: &l [*l]\n")
    assert sum("alias" in problem for problem in found) == 9 * 39 + 1


def test_check_exits_2_with_every_mistake_on_stderr_and_as_json(place: Path) -> None:
    (place / "p.yaml").write_text(FILE.replace("kind: folder", "kind: foldr").replace("top_k: 3", "top_k: -1"), "utf-8")
    command = [sys.executable, "-m", "ragqa", "check", "p.yaml"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 2)
    assert "Traceback" not in done.stderr
    done = subprocess.run([*command, "--json"], cwd=place, capture_output=True, text=True, check=False)
    (result,) = json.loads(done.stdout)["files"]
    assert (done.returncode, result["ok"], len(result["problems"])) == (2, False, 2)


def test_nothing_in_a_file_is_ever_run(place: Path) -> None:
    marker = place / "marker"
    problems(place, FILE.replace("kind: folder", f"kind: !!python/object/apply:os.system ['touch {marker}']"))
    assert not marker.exists()


def test_check_takes_little_more_time_than_the_libraries_that_it_needs(place: Path) -> None:
    def processor_seconds(*arguments: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], cwd=place, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    libraries = "import click, pydantic_settings, yaml"
    seconds = [
        (processor_seconds("-m", "ragqa", "check", "p.yaml"), processor_seconds("-c", libraries)) for _ in range(3)
    ]
    assert min(check for check, _ in seconds) < 5 * min(alone for _, alone in seconds)


def test_a_file_extends_another_key_by_key_and_paths_stay_with_their_file(place: Path) -> None:
    (place / "sub").mkdir()
    child = place / "sub" / "child.yaml"
    child.write_text("version: 1\nextends: ../p.yaml\nretrieve: {top_k: 7}\nindex: {path: own}\n", encoding="utf-8")
    config = load_config(child)
    assert (config.retrieve.top_k, config.retrieve.kind) == (7, "hybrid")
    assert Path(*config.load.roots).resolve() == place / "documents"
    assert config.resolved()["index"]["path"] == str(place / "sub" / "own")
    child.write_text("version: 1\nextends: ../p.yaml\nretrieve: {kind: dense}\n", encoding="utf-8")
    assert load_config(child).retrieve.top_k == 5  # a section of another kind replaces the whole


def test_set_overrides_a_key_and_its_mistakes_name_it(place: Path) -> None:
    config = load_config(place / "p.yaml", ["generate.max_new_tokens=32", "retrieve.kind=dense"])
    assert (config.generate.max_new_tokens, config.retrieve.kind) == (32, "dense")
    found = problems(place, FILE, ("generate.max_new_tokens=many", "nonsense", "splitt.chunk_size=3"))
    assert len(found) == 3
    assert any(problem.startswith("--set generate.max_new_tokens=many:") for problem in found)


def verdict(place: Path, *overrides: str, text: str = FILE) -> Any:
    (place / "p.yaml").write_text(text, encoding="utf-8")
    return Pipeline.from_file(place / "p.yaml", overrides).check().budget


def test_the_budget_adds_up_and_passes_fails_or_says_why_it_cannot_tell(place: Path) -> None:
    budget = verdict(place)
    assert (budget.verdict, budget.window) == ("PASS", 8192)
    assert budget.total == sum(term.tokens for term in budget.terms) <= budget.window
    assert {term.part for term in budget.terms} >= {"template", "passages", "question", "answer"}
    assert verdict(place, "retrieve.top_k=50").verdict == "FAIL"
    assert verdict(place, "retrieve.top_k=50", "prompt.max_context_tokens=2000").verdict == "PASS"
    doubtful = verdict(place, "retrieve.neighbours=1")
    assert doubtful.verdict == "not provable" and doubtful.reason.startswith("because neighbours")
    endpoint = FILE.replace(
        "kind: causal_lm, model: smollm2-135m-instruct", "kind: openai, base_url: http://x/v1, model: m"
    )
    assert verdict(place, text=endpoint).verdict == "PASS"


def test_examples_are_part_of_the_budget(place: Path) -> None:
    examples = place / "q.jsonl"
    examples.write_text(f'{{"question": "How deep?", "answers": ["{"9" * 300}"]}}\n' * 3, encoding="utf-8")
    own = ("prompt.examples=" + str(examples), "prompt.n_examples=2")
    term = next(term for term in verdict(place, *own).terms if term.part == "examples")
    assert term.tokens > 600


def test_the_schema_knows_every_pipeline_that_is_valid_and_refuses_a_typo() -> None:
    Draft202012Validator.check_schema(json_schema(BUILTIN))
    schema = Draft202012Validator(json_schema(BUILTIN))
    for file in sorted((ROOT / "pipelines").glob("*.yaml")):
        schema.validate(yaml.safe_load(file.read_text("utf-8")))
    for old, new in (("chunk_size", "chunksize"), ("kind: hybrid", "kind: hybird"), ("top_k: 3", "top_k: yes")):
        with pytest.raises(ValidationError):
            schema.validate(yaml.safe_load(FILE.replace(old, new)))


def test_the_schema_knows_a_grid_and_refuses_an_empty_one() -> None:
    schema = Draft202012Validator(json_schema(BUILTIN))
    schema.validate(yaml.safe_load(FILE.replace("top_k: 3", "top_k: {grid: [1, 3]}")))
    for grid in ("{grid: []}", "{grid: [1], gird: [2]}", "[1, 3]"):
        with pytest.raises(ValidationError):
            schema.validate(yaml.safe_load(FILE.replace("top_k: 3", f"top_k: {grid}")))


def test_the_committed_schema_is_fresh() -> None:
    committed = json.loads((ROOT / "pipelines" / "schema.json").read_text("utf-8"))
    assert committed == json_schema(BUILTIN), "run `ragqa schema > pipelines/schema.json`"


@pytest.mark.parametrize("file", sorted((ROOT / "pipelines").glob("*.yaml")), ids=lambda file: file.name)
def test_every_pipeline_that_is_shipped_passes_check(file: Path) -> None:
    report = Pipeline.from_file(file).check()
    assert report.problems == ()
    assert report.budget is not None and report.budget.verdict == "PASS"


def judged(place: Path, embedder: Path, generator: Path, *overrides: str) -> list[str]:
    """Return the mistakes about two models and their keys, without positions."""
    folders = (f"embed.model={embedder}", f"generate.model={generator}")
    return [problem.split(": ", 1)[1] for problem in problems(place, FILE, (*overrides, *folders))]


def test_an_engine_or_eight_bits_that_do_not_fit_the_model_are_named(place: Path) -> None:
    embedder = make_folder(place / "roberta", model_type="roberta", architectures=["RobertaModel"])
    generator = make_folder(place / "mistral", model_type="mistral", architectures=["MistralForCausalLM"])
    native = ("embed.engine=native", "generate.engine=native")
    bert = "engine native does not know the form of roberta (roberta); it runs the usual form of bert, mpnet"
    found = "engine native does not know the form of mistral (mistral); it runs the usual form of llama, qwen2"
    embed, engine = (
        f"embed.engine: {bert}: use auto or transformers",
        f"generate.engine: {found}: use auto or transformers",
    )
    dtype = f"generate.dtype: {found}: int8 needs it; use auto, float32 or bfloat16"
    batch = f"generate.batch_size: {found}: batch_size needs it; use 1"
    assert judged(place, embedder, generator, *native) == [embed, engine]
    assert judged(place, embedder, generator, "embed.kind=cls_pool", *native) == [embed, engine]
    assert judged(place, embedder, generator, "generate.engine=native", "generate.dtype=int8") == [dtype, engine]
    assert judged(place, embedder, generator, "generate.dtype=int8") == [dtype]
    assert judged(place, embedder, generator, "generate.decode=free", "generate.batch_size=4") == [batch]
    assert judged(place, embedder, generator) == []
    make_folder(generator, model_type="llama", architectures=["LlamaForCausalLM"], hidden_act="gelu")
    assert "(llama); it runs the usual form of llama" in judged(place, embedder, generator, *native)[1]


def test_an_engine_that_fits_or_a_model_that_is_not_here_is_no_mistake(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    native = ("embed.engine=native", "generate.engine=native", "generate.dtype=int8")
    embedder = make_folder(place / "bert", hidden_act="gelu")
    generator = make_folder(place / "llama", model_type="llama", architectures=["LlamaForCausalLM"], hidden_act="silu")
    assert judged(place, embedder, generator, *native) == []
    monkeypatch.setenv("RAGQA_CACHE", str(place / "empty"))
    assert problems(place, FILE, native) == []


def test_a_gguf_file_is_judged_once_it_was_dequantised_which_check_does_not_do(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGQA_CACHE", str(place / "cache"))
    embedder, generator = make_folder(place / "bert"), write_gguf(place / "small.gguf")
    assert judged(place, embedder, generator, "generate.dtype=int8") == []
    assert models.resolved(str(generator)) is None
    folder = models.resolve(str(generator))
    assert models.resolved(str(generator)) == folder
    assert judged(place, embedder, generator, "generate.dtype=int8") == []
    config = folder / "config.json"
    config.write_text(config.read_text(encoding="utf-8").replace('"silu"', '"gelu"'), encoding="utf-8")
    assert "int8 needs it" in judged(place, embedder, generator, "generate.dtype=int8")[0]


@settings(deadline=None, max_examples=150)
@given(st.text(alphabet=st.sampled_from("version: 1{}[],&*!|>-#'\"\n\t\\%@`?~ .eE+_<nloadsplitkind"), max_size=200))
def test_any_text_is_a_config_or_a_config_error(text: str) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        file = Path(folder) / "p.yaml"
        file.write_text(FILE + text, encoding="utf-8")
        try:
            load_config(file)
        except ConfigError as error:
            assert error.problems


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99999) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2),
    max_leaves=4,
)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from([(s, k, f) for s in SECTIONS for k in BUILTIN.of_slot(s) for f in k.spec.model_fields]), VALUES)
def test_any_value_of_any_key_is_a_config_or_a_config_error(field: tuple[str, Any, str], value: Any) -> None:
    section, kind, name = field
    block = {"kind": kind.name, name: value}
    data = yaml.safe_load(FILE) | {section: block}
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        file = Path(folder) / "p.yaml"
        file.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
        try:
            load_config(file)
        except ConfigError as error:
            assert all(problem.line >= 1 for problem in error.problems)


@pytest.mark.parametrize("value", ["strict", "balanced", "eager", "0", "0.35", "1"])
def test_a_least_confidence_is_a_word_or_a_probability(value: str) -> None:
    prompt = load_config("pipelines/quickstart.yaml", [f"prompt.min_confidence={value}"]).prompt
    assert str(prompt.min_confidence).removesuffix(".0") == value


@pytest.mark.parametrize("value", ["1.1", "-0.1", "high", "true", "null"])
def test_any_other_least_confidence_is_refused_with_what_is_valid(value: str) -> None:
    with pytest.raises(ConfigError, match=r"prompt\.min_confidence: ") as caught:
        load_config("pipelines/quickstart.yaml", [f"prompt.min_confidence={value}"])
    assert "strict" in str(caught.value) or "equal to" in str(caught.value)


def test_the_least_confidence_is_one_of_the_section_prompt_alone() -> None:
    with pytest.raises(ConfigError, match=r"generate.min_confidence: unknown key"):
        load_config("pipelines/quickstart.yaml", ["generate.min_confidence=0.5"])
