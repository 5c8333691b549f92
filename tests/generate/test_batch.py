"""Several answers written at once are those that are written alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ragqa import Pipeline
from ragqa.config.generators import CausalLMGenerate, SpanDecode
from ragqa.errors import ModelError, UsageError
from ragqa.generate.causal_lm import CausalLM
from ragqa.records import Answer, Generation, Prompt
from tests.fakes import PIPELINE, WORDS
from tests.tiny import save_tiny_llama

BEGINNING = "Answer from the passage.\n"
QUESTIONS = (
    "Who?",
    "Passage: the ferry the ferry the ferry\nWho?",
    "Passage: rope and salt\nWhen?",
    "Why?",
    "a b c d e f",
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_llama(tmp_path_factory.mktemp("tiny"))


def build(model: Path, **fields: Any) -> CausalLM:
    values = {"kind": "causal_lm", "model": str(model), "max_new_tokens": 40, "dtype": "float32", **fields}
    return CausalLM(CausalLMGenerate.model_validate(values), log_probabilities=True)


def prompts(beginning: str = BEGINNING) -> list[Prompt]:
    texts = [beginning + question for question in QUESTIONS]
    return [Prompt(text, {"all": len(text)}, (), shared=len(beginning)) for text in texts]


def alone(generator: CausalLM, prompt: Prompt) -> Generation:
    *_, last = generator.stream(prompt)
    assert isinstance(last, Generation)
    return last


@pytest.mark.parametrize("beginning", [BEGINNING, ""])
@pytest.mark.parametrize(
    "fields",
    [{}, {"temperature": 0.9, "seed": 3}, {"repetition_penalty": 1.3}, {"stop": ["e", "a"]}, {"dtype": "int8"}],
    ids=str,
)
def test_answers_written_together_are_those_written_alone(model: Path, fields: dict[str, Any], beginning: str) -> None:
    """In eight bits to the last bit."""
    expected = [alone(build(model, **fields), prompt) for prompt in prompts(beginning)]
    assert "stop" not in fields or len({one.n_tokens for one in expected}) > 1, "all end at once"
    found = build(model, **fields).write_many(prompts(beginning))
    for one, other in zip(found, expected, strict=True):
        assert (one.text, one.n_tokens, one.finish) == (other.text, other.n_tokens, other.finish)
        assert one.logprobs is not None and other.logprobs is not None
        exact = fields.get("dtype") == "int8"
        assert one.logprobs == other.logprobs if exact else one.logprobs == pytest.approx(other.logprobs, abs=1e-3)


def test_the_weights_are_read_once_for_a_token_of_each(model: Path) -> None:
    generator = build(model, max_new_tokens=10)
    rows: list[tuple[int, int]] = []
    decoder: Any = generator._model
    decoder.register_forward_pre_hook(lambda module, inputs: rows.append(tuple(inputs[0].shape)))
    chosen = [one.n_tokens + (one.finish == "stop") for one in generator.write_many(prompts())]
    read = rows[len(rows) - max(chosen) + 1 :]
    assert read == [(sum(n > step for n in chosen), 1) for step in range(1, max(chosen))]


def test_a_late_batch_gives_what_was_written_marked(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = build(model, deadline=1, max_new_tokens=60)
    whole = generator.write_many(prompts())
    now = iter([0.0, 0.0, *[4.0] * 9, *[6.0] * 10])  # before and after the prompts, then before each token
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    late = 0
    for one, other in zip(generator.write_many(prompts()), whole, strict=True):
        late += one.finish == "deadline"
        assert one == other if one.finish == "stop" else (one.finish, one.n_tokens) == ("deadline", 10)
        assert other.text.startswith(one.text)
    assert late > 1


def test_none_and_one_prompt_and_one_too_long(model: Path) -> None:
    generator, (first, *_) = build(model), prompts()
    assert generator.write_many([]) == []
    assert generator.write_many([first]) == [alone(generator, first)]
    with pytest.raises(UsageError, match="exceed the window"):
        generator.write_many([first, Prompt("x" * 300, {"all": 300}, ())])


def test_what_cannot_be_written_together_is_refused(model: Path, tmp_path: Path) -> None:
    for fields, message in (
        ({"engine": "transformers"}, "batch_size needs the native"),
        ({"decode": SpanDecode(kind="span")}, "decode: free"),
    ):
        with pytest.raises(ValidationError, match=message):
            build(model, batch_size=2, **fields)
    save_tiny_llama(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"silu"', '"gelu"'), encoding="utf-8")
    with pytest.raises(ModelError, match="engine native does not know"):
        build(tmp_path, batch_size=2)


def test_many_questions_of_a_pipeline_are_answered_as_each_alone(model: Path, tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    for name in ("ferry", "turbine", "quay"):
        (documents / f"{name}.txt").write_text(f"The {name} has a master called {name.title()}son.\n", encoding="utf-8")
    save_tiny_llama(tmp_path / "model", window=4096)
    generate = f"{{kind: causal_lm, model: {tmp_path / 'model'}, dtype: int8, max_new_tokens: 8, batch_size: 3}}"
    file = tmp_path / "pipeline.yaml"
    file.write_text(PIPELINE.replace("{kind: echo}", generate), encoding="utf-8")
    pipe = Pipeline.from_file(file, kinds=[WORDS])
    pipe.index()
    questions = ["master of the quay?", "zzz qqq", "who is master of the turbine?", "the ferry?"]
    answers = pipe.ask_many(questions)
    assert [without_times(answer) for answer in answers] == [
        without_times(pipe.ask(question)) for question in questions
    ]
    assert [answer.reason == "no_evidence" for answer in answers] == [False, True, False, False]
    assert answers[0].usage["generate_ms"] == answers[2].usage["generate_ms"] > 0
    with pytest.raises(UsageError, match="the question is empty"):
        pipe.ask_many(["master?", " "])


def without_times(answer: Answer) -> dict[str, Any]:
    usage = {name: value for name, value in answer.usage.items() if not name.endswith("_ms")}
    return {name: getattr(answer, name) for name in answer.__slots__} | {"usage": usage}
