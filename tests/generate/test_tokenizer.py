"""The tokenizer without transformers: the same tokens, places and texts; only where tokenizer.json says everything."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ragqa import models
from ragqa.generate.tokenizer import JsonTokenizer, load_tokenizer

needs_model = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")
MODEL = "smollm2-135m-instruct"
TEXTS = [
    "", " ", "The ferry leaves at noon.", "Grüße, 風力 🌊🏽", "a\n\n\tb", "<|im_start|>user\nHi<|im_end|>", " don't  1,204.50",
    "\x00\u200b\ufffd", "x" * 3000, "<|endoftext|><|im_end|>", "e\u0301 \u00e9",
]  # fmt: skip


@needs_model
@pytest.mark.parametrize("split", [False, True])
def test_tokens_places_and_texts_are_those_of_transformers(split: bool) -> None:
    folder = models.resolve(MODEL)
    ours, theirs = load_tokenizer(folder), models.load_pretrained("AutoTokenizer", folder)
    assert isinstance(ours, JsonTokenizer)
    options: dict[str, Any] = {
        "add_special_tokens": False, "split_special_tokens": split, "return_offsets_mapping": True,
    }  # fmt: skip
    found, wanted = ours(TEXTS, **options), theirs(TEXTS, **options)
    for key in ("input_ids", "offset_mapping"):
        assert [list(map(tuple_or_number, row)) for row in found[key]] == [
            list(map(tuple_or_number, row)) for row in wanted[key]
        ]
    for text, ids in zip(TEXTS, found["input_ids"], strict=True):
        assert ours(text, **options)["input_ids"] == ids
        for skip in (False, True):
            assert ours.decode(ids, skip_special_tokens=skip) == theirs.decode(ids, skip_special_tokens=skip)
    assert ours.get_vocab() == theirs.get_vocab()
    assert ours.get_chat_template() == theirs.get_chat_template() and ours.eos_token_id == theirs.eos_token_id
    assert ours.special_tokens_map == theirs.special_tokens_map


def tuple_or_number(value: Any) -> Any:
    return value if isinstance(value, int) else tuple(value)


@needs_model
@pytest.mark.parametrize(
    "change",
    [{"tokenizer_class": "LlamaTokenizer"}, {"add_bos_token": True}, {"bos_token": "<new>"}, {"clean_up_tokenization_spaces": True}],
)  # fmt: skip
def test_what_tokenizer_json_does_not_say_is_left_to_transformers(tmp_path: Path, change: dict[str, Any]) -> None:
    folder = models.resolve(MODEL)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(folder / name, tmp_path / name)
    assert JsonTokenizer.load(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config | change))
    assert JsonTokenizer.load(tmp_path) is None


@needs_model
def test_an_answer_of_the_quickstart_loads_neither_transformers_nor_the_compiler_of_torch() -> None:
    script = """
import sys
from ragqa.config.generators import CausalLMGenerate
from ragqa.generate.causal_lm import CausalLM
from ragqa.records import Prompt
made = CausalLM(CausalLMGenerate.model_validate(dict(kind="causal_lm", model="smollm2-135m-instruct", max_new_tokens=2)))
print(list(made.stream(Prompt("The ferry", {}, ())))[-1].n_tokens, *(n for n in ("transformers", "torch._dynamo") if n in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "2", done.stderr
