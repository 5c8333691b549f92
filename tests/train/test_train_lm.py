"""Training a language model: it learns, it goes on exactly where it was killed, and what comes of it answers."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from ragqa import models
from ragqa.config.generators import CausalLMGenerate
from ragqa.errors import LockedError, ModelError, RefusedError, ResourceError, UsageError
from ragqa.generate.causal_lm import CausalLM
from ragqa.load import FileGlobs, FolderLoader
from ragqa.records import Generation, Prompt
from ragqa.train import folder
from ragqa.train.lm import LMReport, train_lm
from ragqa.train.settings import LMSettings
from ragqa.train.texts import HELD_OUT_CHARACTERS, split, stream, tokenizer_with_end
from ragqa.transformer import load_decoder
from tests import ROOT
from tests.commands import Done, ragqa
from tests.fakes import PIPELINE
from tests.limits import no_file_above, no_hang
from tests.models.test_models import write_gguf

offline = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")
END = "<|endoftext|>"
SENTENCE = "The ferry Morwen leaves Brae at noon, and Captain Ilse Brandt is at the wheel."
TINY = LMSettings(d_model=16, num_layers=1, num_heads=2, context=16, batch=2, steps=10, save_every=4, dropout=0.1)
OPTIONS = ("--d-model=16", "--num-layers=1", "--num-heads=2", "--context=16", "--batch=2", "--dropout=0.1")


def save_tokenizer(where: Path, texts: list[str], size: int, **special: str) -> Path:
    words = Tokenizer(BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words.train_from_iterator(
        texts, BpeTrainer(vocab_size=size, special_tokens=[END], initial_alphabet=letters, show_progress=False)
    )
    PreTrainedTokenizerFast(tokenizer_object=words, **special).save_pretrained(where)  # type: ignore[no-untyped-call]
    return where


@pytest.fixture(scope="module")
def corpus() -> list[str]:
    loader = FolderLoader(
        [ROOT / "corpora" / "tarnwick" / "documents"], FileGlobs(include=["**/*.md", "**/*.txt", "**/*.csv"])
    )
    return [loader.read(file).text for file in loader.scan().files]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory, corpus: list[str]) -> Path:
    return save_tokenizer(tmp_path_factory.mktemp("tokenizer"), corpus, 1000, eos_token=END)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, corpus: list[str], tokenizer: Path) -> tuple[Path, LMReport]:
    """Return a training that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole")
    return out, train_lm(corpus, tokenizer, out, TINY)


def words_of(folder: Path) -> Any:
    return tokenizer_with_end(folder / "tokenizer.json")


def same(one: Path, other: Path) -> bool:
    return all(
        (one / name).read_bytes() == (other / name).read_bytes() for name in ("model.safetensors", "config.json")
    )


# It learns


def test_loss_on_held_out_text_falls_well_below_the_entropy_of_single_tokens(
    corpus: list[str], tokenizer: Path, tmp_path: Path
) -> None:
    sizes = LMSettings(
        d_model=64, num_layers=2, num_heads=2, context=64, batch=8, steps=160, save_every=80, learning_rate=1e-2
    )
    report = train_lm(corpus, tokenizer, tmp_path / "out", sizes)
    held = stream(split(corpus, 0.1, 0)[1], words_of(tokenizer))[1:].tolist()
    counts = Counter(held)
    entropy = -sum(n / len(held) * math.log(n / len(held)) for n in counts.values())
    assert report.losses[0] == pytest.approx(math.log(1000), abs=0.1)
    assert report.validations[-1][1] < entropy - 0.3
    assert report.training_loss is not None and report.training_loss < report.losses[0] - 2


def test_a_model_that_learned_one_sentence_by_heart_writes_it_and_stops(tmp_path: Path) -> None:
    tokenizer = save_tokenizer(tmp_path / "tokenizer", [SENTENCE], 300, eos_token=END)
    sizes = replace(
        TINY, d_model=32, context=64, steps=150, batch=4, learning_rate=1e-2, held_out=0.0, dropout=0.0, save_every=999
    )
    report = train_lm([SENTENCE] * 4, tokenizer, tmp_path / "out", sizes)
    assert report.training_loss is not None and report.training_loss < 0.5
    assert report.best is None and report.validations == () and report.bits_per_byte is None
    spec = CausalLMGenerate(kind="causal_lm", model=str(tmp_path / "out"), max_new_tokens=45, dtype="float32")
    *_, generation = CausalLM(spec).stream(Prompt("The ferry Morwen", {}, ()))
    assert isinstance(generation, Generation)
    assert ("The ferry Morwen" + generation.text, generation.finish) == (SENTENCE, "stop")


def test_the_figures_are_those_of_the_model_that_was_saved(
    whole: tuple[Path, LMReport], corpus: list[str], tokenizer: Path
) -> None:
    out, report = whole
    model = load_decoder(out)
    kept, held = split(corpus, TINY.held_out, TINY.seed)
    words = words_of(tokenizer)
    kept_ids = words(kept)["input_ids"]
    tokens = stream(held, words)
    total = 0.0
    for first in range(0, len(tokens) - 1, TINY.context):
        window = tokens[first : first + TINY.context + 1]
        total -= float(model(window[None, :-1])[0].log_softmax(-1).gather(-1, window[1:, None]).sum())
    assert report.validations[-1][1] == pytest.approx(total / (len(tokens) - 1), rel=1e-5)
    assert report.bits_per_byte == pytest.approx(total / math.log(2) / len("".join(held).encode()), rel=1e-5)
    assert (report.held_out_tokens, report.tokens) == (len(tokens) - 1, sum(map(len, kept_ids)) + len(kept_ids) + 1)
    assert report.best == min(report.validations, key=lambda pair: pair[1])
    assert [step for step, _ in report.validations] == [4, 8, 10]
    assert report.parameters == sum(p.numel() for p in model.parameters())


# It goes on exactly


def test_the_same_call_gives_the_same_bits_and_another_seed_does_not(
    whole: tuple[Path, LMReport], corpus: list[str], tokenizer: Path, tmp_path: Path
) -> None:
    out, report = whole
    state = torch.get_rng_state()
    again = train_lm(corpus, tokenizer, tmp_path / "again", TINY)
    assert torch.equal(torch.get_rng_state(), state)
    assert again.losses == report.losses and same(out, tmp_path / "again")
    other = train_lm(corpus, tokenizer, tmp_path / "other", replace(TINY, seed=1))
    assert other.losses != report.losses


@pytest.mark.parametrize("steps", [0, 3, 4, 9])
def test_a_training_that_was_stopped_at_a_step_ends_with_the_same_bits(
    whole: tuple[Path, LMReport], corpus: list[str], tokenizer: Path, tmp_path: Path, steps: int
) -> None:
    out, report = whole
    done: list[int] = []
    stopped = train_lm(
        corpus,
        tokenizer,
        tmp_path,
        TINY,
        progress=lambda step, loss: done.append(step),
        stop=lambda: len(done) == steps,
    )
    assert (stopped.finished, len(stopped.losses)) == (False, steps)
    assert not (tmp_path / "model.safetensors").exists()
    resumed = train_lm(corpus, tokenizer, tmp_path, TINY, progress=lambda step, loss: done.append(step))
    assert done == list(range(1, 11))
    assert resumed.finished and same(out, tmp_path)
    assert (resumed.losses, resumed.validations) == (report.losses, report.validations)


KILLED = """
import json, os, signal, sys
from pathlib import Path
from ragqa.train.lm import train_lm
from ragqa.train.settings import LMSettings
texts, tokenizer, out, settings, at = json.loads(sys.stdin.read())
def progress(step, loss):
    if step == at:
        os.kill(os.getpid(), signal.SIGKILL)
train_lm(texts, Path(tokenizer), Path(out), LMSettings(**settings), progress=progress)
"""


def test_a_training_that_was_killed_ends_with_the_same_bits(
    whole: tuple[Path, LMReport], corpus: list[str], tokenizer: Path, tmp_path: Path
) -> None:
    out, report = whole
    work = json.dumps([corpus, str(tokenizer), str(tmp_path), asdict(TINY), 7])
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    done = subprocess.run([sys.executable, "-c", KILLED], input=work, text=True, check=False, env=environment)
    assert done.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == [folder.CHECKPOINT]
    taken: list[int] = []
    resumed = train_lm(corpus, tokenizer, tmp_path, TINY, progress=lambda step, loss: taken.append(step))
    assert taken == [5, 6, 7, 8, 9, 10]
    assert same(out, tmp_path)
    assert (resumed.losses, resumed.validations) == (report.losses, report.validations)


def test_a_kill_while_a_checkpoint_or_the_model_is_written_costs_no_more_than_that(
    whole: tuple[Path, LMReport], corpus: list[str], tokenizer: Path, tmp_path: Path
) -> None:
    (tmp_path / f".{folder.CHECKPOINT}.0123abcd.partial").write_bytes(b"half of")
    (tmp_path / ".export.abcd_123").mkdir()
    (tmp_path / ".export.abcd_123" / "model.safetensors").write_bytes(b"half of")
    train_lm(corpus, tokenizer, tmp_path, TINY)
    assert same(whole[0], tmp_path)
    assert not any(path.name.startswith(".") for path in tmp_path.iterdir())


def test_hidden_files_of_the_users_are_kept(corpus: list[str], tokenizer: Path, tmp_path: Path) -> None:
    (tmp_path / ".partial").mkdir()
    (tmp_path / ".export.mine").symlink_to(".partial")
    for name in (".partial/model.safetensors", f".{folder.CHECKPOINT}.partial", ".gitignore"):
        (tmp_path / name).write_bytes(b"mine")
    train_lm(corpus, tokenizer, tmp_path, replace(TINY, steps=1))
    assert (tmp_path / ".partial" / "model.safetensors").read_bytes() == b"mine"
    assert (tmp_path / f".{folder.CHECKPOINT}.partial").read_bytes() == b"mine"
    assert (tmp_path / ".export.mine").is_symlink()


@pytest.mark.parametrize("name", folder.EXPORTED)
def test_a_file_that_has_the_name_of_one_of_the_model_is_never_written_over(
    whole: tuple[Path, LMReport], corpus: list[str], tokenizer: Path, tmp_path: Path, name: str
) -> None:
    train_lm(corpus, tokenizer, tmp_path / "begun", TINY, stop=lambda: True)
    shutil.copytree(whole[0], tmp_path / "ended")
    for out, said in (("begun", "which has not ended: move it away"), ("ended", "move it away, and run the same")):
        (tmp_path / out / name).write_bytes(b"mine")
        if name in os.listdir(whole[0]) or out == "begun":
            with pytest.raises(UsageError, match=f"{re.escape(name)} is no file of this training.*{said}"):
                train_lm(corpus, tokenizer, tmp_path / out, TINY)
        assert (tmp_path / out / name).read_bytes() == b"mine"
        (tmp_path / out / name).unlink()
        (tmp_path / out / name).symlink_to(tokenizer / "tokenizer.json")
        with pytest.raises(RefusedError, match=f"{re.escape(name)} is a link"):
            train_lm(corpus, tokenizer, tmp_path / out, TINY)
    assert not list(tmp_path.rglob(".*"))


def test_a_checkpoint_that_is_a_link_or_a_pipe_is_refused(
    whole: tuple[Path, LMReport], corpus: list[str], tokenizer: Path, tmp_path: Path
) -> None:
    (tmp_path / folder.CHECKPOINT).symlink_to(whole[0] / folder.CHECKPOINT)
    with pytest.raises(RefusedError, match="is a link"):
        train_lm(corpus, tokenizer, tmp_path, TINY)
    (tmp_path / folder.CHECKPOINT).unlink()
    os.mkfifo(tmp_path / folder.CHECKPOINT)
    with pytest.raises(UsageError, match="is no regular file"):
        train_lm(corpus, tokenizer, tmp_path, TINY)


def test_a_finished_training_is_not_done_again(
    whole: tuple[Path, LMReport], corpus: list[str], tokenizer: Path
) -> None:
    out, report = whole
    assert train_lm(corpus, tokenizer, out, TINY, progress=lambda step, loss: pytest.fail("a step")) == report


@pytest.mark.parametrize(
    ("change", "said"),
    [({"steps": 11}, "steps 10, now 11"), ({"seed": 3, "batch": 3}, "batch 2, now 3; seed 0, now 3")],
)
def test_a_training_with_other_settings_is_refused_by_what_differs(
    whole: tuple[Path, LMReport], corpus: list[str], tokenizer: Path, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=f"another training \\({said}\\)"):
        train_lm(corpus, tokenizer, whole[0], replace(TINY, **change))


def test_a_training_with_other_texts_or_another_tokenizer_is_refused(
    whole: tuple[Path, LMReport], corpus: list[str], tokenizer: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"another training \(texts \w+, now \w+\)"):
        train_lm([*corpus, "more"], tokenizer, whole[0], TINY)
    other = save_tokenizer(tmp_path, corpus, 999, eos_token=END)
    with pytest.raises(UsageError, match=r"another training \(tokenizer \w+, now \w+\)"):
        train_lm(corpus, other, whole[0], TINY)


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("harmed",)


def test_a_damaged_checkpoint_is_refused_and_code_in_it_is_not_run(
    corpus: list[str], tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "out" / folder.CHECKPOINT
    file.parent.mkdir()
    for content in ({"identity": Harmful()}, "no state", None):
        torch.save(content, file)
        if content is None:
            file.write_bytes(file.read_bytes()[:100])
        with pytest.raises(UsageError, match="cannot be read"):
            train_lm(corpus, tokenizer, file.parent, TINY)
    assert not (tmp_path / "harmed").exists()


def test_a_full_disk_ends_the_training_and_keeps_the_last_checkpoint(
    corpus: list[str], tokenizer: Path, tmp_path: Path
) -> None:
    train_lm(corpus, tokenizer, tmp_path, TINY, stop=lambda: True)
    before = (tmp_path / folder.CHECKPOINT).read_bytes()
    with (
        no_file_above(len(before) // 2),
        pytest.raises(ResourceError, match=r"training\.checkpoint: File too large; free some space"),
    ):
        train_lm(corpus, tokenizer, tmp_path, TINY)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {folder.CHECKPOINT: before}


# What is learned from


@settings(max_examples=50)
@given(st.lists(st.text(max_size=40), max_size=12), st.floats(0, 0.5), st.integers(0, 3))
def test_each_text_is_learned_from_or_held_out_and_never_both(texts: list[str], share: float, seed: int) -> None:
    kept, held = split(texts, share, seed)
    assert Counter("".join(texts)) == Counter("".join([*kept, *held]))
    assert sum(map(len, held)) <= share * sum(map(len, texts))
    assert bool(held) == (int(share * sum(map(len, texts))) > 0) and all(held)
    assert split(texts, share, seed) == (kept, held)


def test_of_few_texts_the_end_of_the_longest_is_held_out_and_never_more_than_can_be_measured() -> None:
    assert split(["a" * 10 + "b" * 5], 0.35, 0) == (["a" * 10], ["b" * 5])
    kept, held = split(["a" * 900_000, "b" * 10_000_000], 0.1, 0)
    assert (sorted(map(len, kept)), held) == ([900_000, 9_800_000], ["b" * HELD_OUT_CHARACTERS])


def test_ends_stand_between_texts_and_one_that_a_text_spells_is_no_end(tokenizer: Path) -> None:
    words = words_of(tokenizer)
    tokens = stream([f"a{END}b", "c"], words).tolist()
    assert [tokens[0], tokens[-1], tokens.count(words.eos_token_id)] == [words.eos_token_id, words.eos_token_id, 3]
    assert words.decode(tokens, skip_special_tokens=True) == f"a{END}bc"


def test_too_few_tokens_a_missing_tokenizer_and_one_without_an_end_are_refused(
    corpus: list[str], tokenizer: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"context is 4,000; it must be below the tokens to learn from, \d+"):
        train_lm(["too short"], tokenizer, tmp_path / "out", replace(TINY, context=4000))
    with pytest.raises(ModelError, match=r"unknown model '.*nowhere': .* or a folder"):
        train_lm(corpus, tmp_path / "nowhere", tmp_path / "out", TINY)
    endless, bare = save_tokenizer(tmp_path / "endless", corpus, 300), tmp_path / "bare"
    bare.mkdir()
    shutil.copy(tokenizer / "tokenizer.json", bare)
    (bare / "config.json").write_text('{"model_type": "gpt2"}', encoding="utf-8")  # whose tokenizers end texts by END
    for name in (endless, bare, bare / "tokenizer.json"):
        with pytest.raises(
            ModelError, match=r"tokenizer\.json has no eos_token, .* name one in .*tokenizer_config\.json"
        ):
            train_lm(corpus, name, tmp_path / "out", TINY)
    shutil.copy(tokenizer / "tokenizer.json", tmp_path / "words.json")
    for name in (write_gguf(tmp_path / "small.gguf"), tmp_path / "words.json"):
        with pytest.raises(UsageError, match=r"(small\.gguf|words\.json) is no tokenizer\.json"):
            train_lm(corpus, name, tmp_path / "out", TINY)
    (bare / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match=r"tokenizer\.json is no tokenizer that transformers can read"):
        train_lm(corpus, bare, tmp_path / "out", TINY)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps": 0}, "steps is 0; it must be at least 1"),
        ({"d_model": 30, "num_heads": 4}, r"d_model is 30; it must be a multiple of 2 \* num_heads, 8"),
        ({"dropout": 1.0}, "dropout is 1.0; it must be at least 0 and below 1"),
        ({"held_out": 0.6}, "held_out is 0.6; it must be from 0 to 0.5"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; it must be above 0"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        replace(TINY, **change)


def test_a_loss_that_is_no_number_ends_the_training(corpus: list[str], tokenizer: Path, tmp_path: Path) -> None:
    state = train_lm(corpus, tokenizer, tmp_path, TINY, stop=lambda: True)
    assert not state.finished
    broken = torch.load(tmp_path / folder.CHECKPOINT, weights_only=True)
    broken["model"]["norm.weight"].fill_(math.nan)
    torch.save(broken, tmp_path / folder.CHECKPOINT)
    with pytest.raises(UsageError, match="the loss is nan at step 1: give a lower learning_rate"):
        train_lm(corpus, tokenizer, tmp_path, TINY)


# The command


@pytest.fixture
def project(tmp_path: Path, tokenizer: Path) -> Path:
    (tmp_path / "documents").mkdir()
    for name in ("ferry", "turbine", "quay"):
        (tmp_path / "documents" / f"{name}.md").write_text(f"# {name}\n\n{SENTENCE * 8}\n", encoding="utf-8")
    generate = "{kind: causal_lm, model: smollm2-135m-instruct, max_new_tokens: 16, dtype: float32}"
    file = PIPELINE.replace("{kind: echo}", generate)
    (tmp_path / "pipeline.yaml").write_text(file, encoding="utf-8")
    (tmp_path / "tokenizer").symlink_to(tokenizer)
    return tmp_path


def train(project: Path, source: str, *options: str, out: str = "lm") -> Done:
    arguments = ("train", "lm", source, "--tokenizer", "tokenizer", "--out", out, *OPTIONS, *options)
    return ragqa(*arguments, cwd=project)


def test_the_model_answers_in_the_same_pipeline_file(project: Path) -> None:
    done = train(project, "pipeline.yaml", "--steps=5", "--context=400", "--held-out=0", "--json")
    assert done.code == 0, done.err
    assert done.said["steps"] == 5 and done.said["validation_loss"] is None
    assert AutoTokenizer.from_pretrained(project / "lm").get_vocab() == words_of(project / "tokenizer").get_vocab()
    change = ("--set", "generate.model=lm")
    assert ragqa("index", "pipeline.yaml", *change, cwd=project).code == 0
    always = ("--set", "prompt.answer=write", "--set", "prompt.min_confidence=0")
    asked = ragqa("ask", "pipeline.yaml", "Who is at the wheel of the Morwen?", *change, *always, "--json", cwd=project)
    assert asked.code == 0, asked.err
    assert asked.said["prompt"] and asked.said["usage"]["answer_tokens"] > 0 and asked.said["hits"]
    assert asked.said["finish"] in ("stop", "length")
    assert ragqa("check", "pipeline.yaml", *change, cwd=project).code == 0


def test_a_tokenizer_is_named_as_for_inspect(project: Path, whole: tuple[Path, LMReport], tokenizer: Path) -> None:
    shutil.copytree(whole[0], project / "model")
    made: list[dict[str, bytes]] = []
    for name in ("tokenizer", "tokenizer/tokenizer.json", "model"):
        out = project / f"lm{len(made)}"
        arguments = ("documents", "--tokenizer", name, "--out", str(out), *OPTIONS, "--steps=1", "--json")
        done = ragqa("train", "lm", *arguments, cwd=project)
        assert done.code == 0, done.err
        assert AutoTokenizer.from_pretrained(out).eos_token == END
        made.append({file.name: file.read_bytes() for file in out.glob("tokenizer*")})
    assert made == 3 * [{file.name: file.read_bytes() for file in tokenizer.iterdir()}]
    done = ragqa("train", "lm", "documents", "--tokenizer", "all-minilm-l6-v2", "--out", "lm", cwd=project)
    assert done.code == 8 and "ragqa models pull all-minilm-l6-v2" in done.err


@offline
def test_a_model_lends_its_tokenizer(tmp_path: Path) -> None:
    lender = "smollm2-135m-instruct"
    train_lm([SENTENCE * 20], lender, tmp_path, replace(TINY, steps=1))
    theirs, ours = (AutoTokenizer.from_pretrained(folder) for folder in (models.resolve(lender), tmp_path))
    assert ours(SENTENCE)["input_ids"] == theirs(SENTENCE)["input_ids"]
    assert (ours.eos_token, ours.chat_template) == (theirs.eos_token, theirs.chat_template)


def test_the_table_has_every_figure_and_a_rejected_file_is_named(project: Path) -> None:
    (project / "documents" / "empty.md").write_bytes(b"")
    (project / "documents" / "copy.md").write_bytes((project / "documents" / "quay.md").read_bytes())
    done = train(project, "documents", "--steps=3", "--held-out=0.2")
    assert done.code == 3
    assert "rejected: empty.md: empty file" in done.err
    names = [line[:21].strip() for line in done.out.split("\n\n")[0].splitlines()]
    assert names == [
        "steps", "training loss", "validation loss", "bits per byte", "best validation loss", "best step", "parameters",
        "tokens", "held out tokens", "tokens per second",
    ]  # fmt: skip
    assert f"generate: {{kind: causal_lm, model: {(project / 'lm').resolve()}}}" in done.out
    (project / "documents" / "copy.md").unlink()
    again = train(project, "documents", "--steps=3", "--held-out=0.2", "--json")
    assert again.code == 3 and again.said["steps"] == 3


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("nothing", 4, "no documents found under nothing"),
        ("missing", 2, "no such folder or file: missing"),
        ("pictures", 4, "no documents found under pictures: no file could be used"),
    ],
)
def test_a_source_without_documents_is_refused(project: Path, source: str, code: int, said: str) -> None:
    (project / "nothing").mkdir()
    (project / "pictures").mkdir()
    (project / "pictures" / "quay.png").write_bytes(b"\x89PNG")
    done = train(project, source)
    assert (done.code, done.out) == (code, "") and said in done.err


def test_a_folder_that_holds_something_else_is_left_alone(project: Path) -> None:
    done = train(project, "documents", out="documents")
    assert done.code == 2 and "documents holds ferry.md, and no training to go on with" in done.err
    assert train(project, "documents", out="pipeline.yaml").code == 2
    assert len(list((project / "documents").iterdir())) == 3


def test_ctrl_c_leaves_a_checkpoint_and_the_same_command_goes_on(project: Path) -> None:
    arguments = ["documents", "--tokenizer", "tokenizer", "--out", "lm", *OPTIONS, "--steps=300", "--save-every=20"]
    command = [sys.executable, "-m", "ragqa", "train", "lm", *arguments]
    process = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with no_hang():
        while not (project / "lm" / folder.CHECKPOINT).exists() and process.poll() is None:
            time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (130, "")
    assert "of 300 steps, and the same command again goes on from there" in err
    done = ragqa("train", "lm", *arguments, "--json", cwd=project)
    assert done.code == 0 and "going on after step" in done.err
    assert done.said["steps"] == 300 and (project / "lm" / folder.WEIGHTS).exists()


def test_one_training_at_a_time_writes_a_folder(tmp_path: Path) -> None:
    tokenizer = save_tokenizer(tmp_path / "tokenizer", [SENTENCE], 300, eos_token=END)
    out = tmp_path / "out"
    with folder.held(out), pytest.raises(LockedError, match="another training writes"):
        train_lm([SENTENCE] * 9, tokenizer, out, TINY)
    assert train_lm([SENTENCE] * 9, tokenizer, out, TINY, stop=lambda: True).training_loss is None
