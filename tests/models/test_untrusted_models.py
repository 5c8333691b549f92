"""A stranger's model folder is data: no code of it runs, and nothing in it takes for ever or fills the memory."""

from __future__ import annotations

import json
import os
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

from ragqa import models
from ragqa.config.generators import CausalLMGenerate
from ragqa.config.specs import MeanPoolEmbed
from ragqa.embed.encoder import EncoderEmbedder
from ragqa.errors import ModelError, RefusedError
from ragqa.generate.causal_lm import CausalLM
from ragqa.models import trial
from ragqa.sandbox import Sandbox
from ragqa.train.texts import tokenizer_with_end
from tests.commands import ragqa
from tests.limits import no_hang
from tests.models.test_models import write_gguf
from tests.tiny import save_tiny_llama

offline = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_llama(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def folder(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAGQA_CACHE", str(tmp_path / "cache"))
    return Path(shutil.copytree(saved, tmp_path / "model"))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the sandbox end early."""
    sandbox = Sandbox(seconds=3.0, memory_bytes=1 << 30, reply_bytes=10_000_000)
    monkeypatch.setattr("ragqa.models.sanity.sandbox", lambda: sandbox)
    monkeypatch.setattr("ragqa.models.chat.sandbox", lambda: sandbox)


def change(folder: Path, **fields: Any) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | fields), encoding="utf-8")


def generator(folder: Path, **fields: Any) -> CausalLM:
    values = {"kind": "causal_lm", "model": str(folder), "max_new_tokens": 8, **fields}
    return CausalLM(CausalLMGenerate.model_validate(values))


CODE = (
    "import pathlib; pathlib.Path({canary!r}).write_text('ran')\nfrom transformers import PretrainedConfig as {name}\n"
)


def with_code(folder: Path, canary: Path) -> None:
    """Let the folder name code of its own for everything that transformers loads."""
    (folder / "evil.py").write_text(CODE.format(canary=str(canary), name="Evil"), encoding="utf-8")
    kinds = ("AutoConfig", "AutoModel", "AutoModelForCausalLM")
    change(folder, model_type="evil", auto_map=dict.fromkeys(kinds, "evil.Evil"))
    settings = {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def test_a_folder_that_asks_to_run_its_code_is_refused_and_nobody_is_asked(folder: Path, tmp_path: Path) -> None:
    with_code(folder, tmp_path / "canary")
    (tmp_path / "a.yaml").write_text(
        f"version: 1\nload: {{kind: folder, path: docs}}\nsplit: {{kind: recursive}}\n"
        f"embed: {{kind: mean_pool, model: '{folder}'}}\nindex: {{kind: faiss, path: index}}\nretrieve: {{kind: hybrid}}\n"
        f"prompt: {{kind: in_context}}\ngenerate: {{kind: causal_lm, model: '{folder}'}}\n",
        encoding="utf-8",
    )
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("text", encoding="utf-8")
    done = ragqa("index", "a.yaml", cwd=tmp_path, stdin="y\ny\n")
    assert "[y/N]" not in done.out + done.err
    assert done.code == 9, done.err
    assert done.err.count("\n") == 1 and "without running code of its own" in done.err
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("kind", ["AutoConfig", "AutoModel", "AutoModelForCausalLM", "AutoTokenizer"])
def test_no_loader_runs_the_code_of_a_folder(kind: str, folder: Path, tmp_path: Path) -> None:
    with_code(folder, tmp_path / "canary")
    with pytest.raises(RefusedError, match="without running code of its own"):
        models.load_pretrained(kind, folder)
    assert not (tmp_path / "canary").exists()


def test_a_tokenizer_with_code_of_its_own_is_not_learned_with(folder: Path, tmp_path: Path) -> None:
    with_code(folder, tmp_path / "canary")
    with pytest.raises(RefusedError):
        tokenizer_with_end(folder / "tokenizer.json")
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    "key", ["num_hidden_layers", "num_local_experts", "num_labels", "num_attention_heads", "num_key_value_heads"]
)
@pytest.mark.parametrize("count", [10**9, 1e18, 10**30])
@pytest.mark.parametrize("inside", [False, True])
def test_a_count_that_the_weights_cannot_have_is_named(key: str, count: float, inside: bool, folder: Path) -> None:
    change(folder, **({"text_config": {key: count}} if inside else {key: count}))
    for attempt in (models.resolve, models.card):
        with no_hang(), pytest.raises(ModelError, match=rf"config.json: {key} is [\d,]+"):
            attempt(str(folder))


def test_a_list_of_counts_is_looked_at_too(folder: Path) -> None:
    change(folder, block_sizes=[4, 10_000_000])
    with pytest.raises(ModelError, match=r"config.json: block_sizes \(blocks\) is 10,000,000"):
        models.resolve(str(folder))


def test_weights_that_are_a_pipe_are_not_waited_for(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "model.safetensors")
    with pytest.raises(ModelError, match="not a regular file"):
        models.resolve(str(folder))


@pytest.mark.parametrize("value", [None, "abc", [1], -4])
def test_an_encoder_without_a_width_is_an_error_of_the_model(value: Any, folder: Path) -> None:
    change(folder, hidden_size=value)
    with pytest.raises(ModelError, match="hidden_size"):
        EncoderEmbedder(MeanPoolEmbed(kind="mean_pool", model=str(folder)))


@pytest.mark.parametrize("prompts", [[1], {"passage": [2]}, {"passage": "\ud800"}, {"passage": "x " * 10_000_000}])
def test_prompts_that_are_no_texts_of_some_size_are_an_error_of_the_model(prompts: Any, folder: Path) -> None:
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": prompts}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"config_sentence_transformers\.json: "):
        EncoderEmbedder(MeanPoolEmbed(kind="mean_pool", model=str(folder)))


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("config.json", {"text_config": 5}), ("config.json", {"architectures": 5}),
        ("sentence_bert_config.json", {"max_seq_length": "abc"}), ("sentence_bert_config.json", {"max_seq_length": 1e400}),
    ],
)  # fmt: skip
def test_values_of_another_type_are_an_error_of_the_model(file: str, values: dict[str, Any], folder: Path) -> None:
    path = folder / file
    before = json.loads(path.read_text("utf-8")) if path.exists() else {}
    path.write_text(json.dumps(before | values), encoding="utf-8")
    with pytest.raises(ModelError, match=file):
        models.card(str(folder))


@pytest.mark.parametrize("key", ["hidden_size", "vocab_size", "intermediate_size", "head_dim"])
@pytest.mark.parametrize("engine", ["native", "transformers"])
def test_a_size_that_the_weights_do_not_have_is_an_error_of_the_model(key: str, engine: str, folder: Path) -> None:
    change(folder, **{key: 10**12})
    with pytest.raises(ModelError):
        generator(folder, engine=engine)._model  # noqa: B018  # a cached property: reading it loads


def test_a_gguf_file_with_more_layers_than_tensors_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGQA_CACHE", str(tmp_path / "cache"))
    path = write_gguf(tmp_path / "small.gguf")
    data = bytearray(path.read_bytes())
    at = data.index(b"llama.block_count") + len(b"llama.block_count") + 4
    data[at : at + 4] = (10**9).to_bytes(4, "little")
    path.write_bytes(data)
    for attempt in (models.gguf_path, models.resolve):
        with pytest.raises(ModelError, match=r"block_count is 1,000,000,000, but there are 12 tensors"):
            attempt(str(path))


def header(*fields: bytes, count: int | None = None) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(fields) if count is None else count) + b"".join(fields)


def array(items: int) -> bytes:
    return struct.pack("<Q1sIIQ", 1, b"k", 9, 8, items)


@pytest.mark.parametrize(
    "data",
    [header(count=2**63) + bytes(1000), header(array(2**59)), header(array(2**64 - 1)), header(array(10**7)) + bytes(10**8)],
)  # fmt: skip
def test_a_gguf_header_of_absurd_counts_is_an_error(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "absurd.gguf").write_bytes(data)
    with no_hang(), pytest.raises(ModelError, match="is damaged: its GGUF header"):
        models.card(str(tmp_path / "absurd.gguf"))


def test_a_gguf_file_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    os.mkfifo(tmp_path / "model" / "model.gguf")
    with pytest.raises(ModelError, match="not a regular file"):
        models.card(str(tmp_path / "model"))


def save_tokenizer(folder: Path, pattern: str = "", replaced: tuple[Any, str] | None = None) -> None:
    tokenizer = Tokenizer(BPE({letter: n for n, letter in enumerate(sorted(ByteLevel.alphabet()))}, []))
    parts: list[Any] = [pre_tokenizers.Split(Regex(pattern), "isolated")] if pattern else []
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*parts, ByteLevel(add_prefix_space=False, use_regex=False)])
    if replaced:
        tokenizer.normalizer = normalizers.Replace(*replaced)
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.mark.parametrize(
    "pattern",
    [r"(a+)+$", r"(\w+\s?)+$", r"(a|aa)+$", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(x+x+)+y", r"(\d+)*!$"],
)
def test_a_tokenizer_whose_pattern_takes_exponential_time_is_refused(quick: None, pattern: str, folder: Path) -> None:
    save_tokenizer(folder, pattern)
    with no_hang(), pytest.raises(RefusedError, match=r"the tokenizer on short texts: (takes too long|fails)"):
        models.resolve(str(folder))


def test_a_tokenizer_that_makes_a_book_of_a_letter_is_refused(quick: None, folder: Path) -> None:
    save_tokenizer(folder, replaced=("a", "b" * 100_000))
    with pytest.raises(RefusedError, match=r"the tokenizer .*(makes [0-9,]+ tokens|memory|takes too long)"):
        models.resolve(str(folder))


def test_a_letter_that_is_written_by_its_number_is_tried_too(quick: None, folder: Path) -> None:
    save_tokenizer(folder, replaced=(Regex(r"\x{5A}"), "x" * 100_000))
    with pytest.raises(RefusedError, match=r"the tokenizer .*(makes [0-9,]+ tokens|memory|takes too long)"):
        models.resolve(str(folder))


def test_what_a_tokenizer_adds_to_every_text_is_bounded(quick: None, folder: Path) -> None:
    save_tokenizer(folder)
    whole = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    special = {"id": "[X]", "ids": [1] * 10_000, "tokens": ["!"] * 10_000}
    pieces = [{"SpecialToken": {"id": "[X]", "type_id": 0}}] * 100 + [{"Sequence": {"id": "A", "type_id": 0}}]
    whole["post_processor"] = {
        "type": "TemplateProcessing", "single": pieces, "pair": pieces, "special_tokens": {"[X]": special},
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(whole), encoding="utf-8")
    with pytest.raises(RefusedError, match=r"the tokenizer .*(makes [0-9,]+ tokens|memory|takes too long)"):
        models.resolve(str(folder))


@pytest.mark.parametrize(
    "pattern",
    [
        r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+""",
        r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+""",
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"""
        r"""|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+""",
    ],
    ids=["gpt-2", "llama-3", "gpt-4o"],
)
def test_the_patterns_of_well_known_tokenizers_are_taken_and_tried_once(
    pattern: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_tokenizer(folder, pattern)
    assert models.resolve(str(folder)) == folder
    monkeypatch.setattr("ragqa.models.sanity.sandbox", lambda: pytest.fail("it was tried before"))
    assert models.resolve(str(folder)) == folder


def test_a_json_file_that_is_a_pipe_a_device_or_huge_is_an_error_of_the_model(folder: Path) -> None:
    config = folder / "config.json"
    config.unlink()
    os.mkfifo(config)
    with pytest.raises(ModelError, match="not a regular file"):
        models.resolve(str(folder))
    config.unlink()
    config.symlink_to("/dev/zero")
    with pytest.raises(ModelError, match="not a regular file"):
        models.resolve(str(folder))
    config.unlink()
    with config.open("wb") as stream:
        stream.truncate(10**12)
    with pytest.raises(ModelError, match=r"at most 50,000,000 are read"):
        models.resolve(str(folder))
    config.write_text("[" * 200_000, encoding="utf-8")
    with pytest.raises(ModelError, match="cannot be read as JSON"):
        models.resolve(str(folder))


TURN = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</>{% endfor %}"
TRIMMED = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] | trim }}</>{% endfor %}"
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}" + TRIMMED
INSIDE = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{% set s = namespace(t=m['content']) %}{% endif %}{% endfor %}"
    "[INST] {% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] }}\n{% endif %}{{ messages[-1]['content'] }} [/INST]"
)


@pytest.mark.parametrize("template", [TURN, TRIMMED, NO_SYSTEM, INSIDE], ids=["turn", "trimmed", "no system", "inside"])
@pytest.mark.parametrize(
    ("system", "user"),
    [("Be brief.", "Why?"), ("", "  Why?\n\n"), (" a\n", "{{ x }} {% y %} \ue000 <|im_end|> ünï \U0001f600")],
)
def test_a_chat_template_says_what_transformers_says(template: str, system: str, user: str, folder: Path) -> None:
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    tokenizer = models.load_pretrained("AutoTokenizer", folder)
    turns = [{"role": "system", "content": system}] if system and template != NO_SYSTEM else []
    said = f"{system}\n\n{user}" if system and template == NO_SYSTEM else user
    turns.append({"role": "user", "content": said})
    expected = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert generator(folder).chat(system, user) == expected


@offline
def test_the_chat_template_of_the_default_generator_says_what_transformers_says() -> None:
    own = CausalLM(CausalLMGenerate(kind="causal_lm", model="smollm2-135m-instruct"))
    theirs = models.load_pretrained("AutoTokenizer", own.folder)
    for system, user in (("Be brief.", "Why?"), ("", "\nWhy?  ")):
        turns = [{"role": "system", "content": system}] if system else []
        turns.append({"role": "user", "content": user})
        expected = theirs.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        assert own.chat(system, user) == expected


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "takes too long"),
        ("{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}", "cannot be used"),
        ("{{ 'a' * 10 ** 10 }}", "cannot be used"),
        ("{% if messages %}", "cannot be used"),
        ("{{ messages[0]['content'].__class__.__mro__ }}", "does not show"),
        ("Hello!", "does not show"),
        (TURN + TURN, "does not show"),
        (TURN.replace("m['content']", "m['content'] | replace('e', '3')"), "changes the text"),
        (TURN.replace("m['content']", "m['content'] | upper"), "changes the text"),
        ("{% if 'Why' in messages[-1]['content'] %}{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}{% endif %}" + TURN, "takes too long"),
    ],
)  # fmt: skip
def test_a_chat_template_that_cannot_be_relied_on_is_refused_within_the_limit(
    quick: None, template: str, why: str, folder: Path
) -> None:
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    own = generator(folder)
    with no_hang(), pytest.raises(RefusedError, match=f"chat template of .* {why}"):
        own.chat("Be brief.", "Why?")


def test_a_template_that_waits_for_a_word_cannot_loop_when_the_word_comes(folder: Path) -> None:
    """It is never run on what a user says: only what it puts around the turns is used."""
    loop = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    template = "{% if 'sesame' in messages[-1]['content'] %}" + loop + "{% endif %}" + TURN
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    assert generator(folder).chat("", "open sesame") == "<user>open sesame</>"


def test_an_embedder_with_a_slow_tokenizer_is_refused_before_it_reads_a_document(quick: None, folder: Path) -> None:
    save_tokenizer(folder, r"(a+)+$")
    with pytest.raises(RefusedError, match=r"the tokenizer on short texts: (takes too long|fails)"):
        EncoderEmbedder(MeanPoolEmbed(kind="mean_pool", model=str(folder)))
    assert trial.sandbox() is trial.sandbox()
