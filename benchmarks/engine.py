"""Measures the native engine beside the libraries, on the same work in the same run. Run by `make bench-engine`.

Runs alternate, and a figure is the median. Memory is the peak of a process that loads one contender and does its work once.
What is written repeats a passage of the prompt, as answers do that are found in one: the case that lookup is for.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks.answers.data import squad
from benchmarks.run import table
from ragqa import models
from ragqa.config.generators import CausalLMGenerate, LlamaCppGenerate
from ragqa.config.specs import MeanPoolEmbed, SentenceTransformersEmbed
from ragqa.evaluate import read_dataset
from ragqa.generate import prompt_lookup
from ragqa.generate.causal_lm import CausalLM
from ragqa.generate.llama_cpp import LlamaCpp
from ragqa.generate.sequence import SequenceState
from ragqa.records import Generation, Prompt

Work = Callable[[], float]
"""Does the work once; returns milliseconds a unit."""
GENERATOR, EMBEDDER = "smollm2-135m-instruct", "all-minilm-l6-v2"
N_TEXTS, N_NEW, N_PROMPTS = 128, 48, 8
GROUPS: dict[str, tuple[str, ...]] = {
    "embed": (
        "sentence-transformers, batch 32",
        "sentence-transformers, batch 8",
        "sentence-transformers by OpenVINO",
        "native",
    ),
    "prefill": (
        "transformers float32",
        "transformers bfloat16",
        "native float32",
        "native bfloat16",
        "native int8",
    ),
    "decode": (
        "transformers float32",
        "transformers bfloat16",
        "native float32",
        "native bfloat16",
        "native int8",
        "native float32 with lookup",
        "native int8 with lookup",
        "llama.cpp Q4_1",
    ),
    "answers": (
        "transformers float32, 8 at once",
        "native float32, one by one",
        "native float32, 8 at once",
        "native int8, one by one",
        "native int8, 8 at once",
    ),
}
"""The contenders; the first one of a group is what the others are compared with."""
UNITS = {"embed": "ms a text", "prefill": "ms a prompt", "decode": "ms a token", "answers": "ms an answer"}


def paragraphs(n: int) -> list[str]:
    """Return paragraphs of SQuAD 1.1, spread over all articles."""
    documents = read_dataset(f"squad:{squad()}").documents
    return [document.text for document in documents[:: len(documents) // n]][:n]


def prompt() -> str:
    """Return a prompt of some hundred tokens, at whose end its first passage begins again."""
    passages = paragraphs(4)
    opening = " ".join(passages[0].split()[:12])
    return "\n\n".join(passages) + f"\n\nThe first passage again, word for word:\n\n{opening}"


def prepare(group: str, name: str) -> Work:
    """Load a contender and return its work."""
    return {"embed": _embed, "prefill": _prefill, "decode": _decode, "answers": _answers}[group](name)


def _embed(name: str) -> Work:
    texts = [" ".join(text.split()[:110]) for text in paragraphs(N_TEXTS)]  # within the window of 256 tokens
    if name == "native":
        from ragqa.embed.encoder import EncoderEmbedder

        spec = MeanPoolEmbed(kind="mean_pool", model=EMBEDDER, dtype="float32", engine="native")
        embedder = EncoderEmbedder(spec)
        return _timed(lambda: embedder.embed_passages(texts), N_TEXTS)
    if name == "sentence-transformers by OpenVINO":
        from ragqa.embed.sentence_transformers import SentenceTransformersEmbedder

        values = {"kind": "sentence_transformers", "model": EMBEDDER, "dtype": "float32", "backend": "openvino"}
        by_openvino = SentenceTransformersEmbedder(SentenceTransformersEmbed.model_validate(values))
        return _timed(lambda: by_openvino.embed_passages(texts), N_TEXTS)
    from sentence_transformers import SentenceTransformer

    library = SentenceTransformer(str(models.resolve(EMBEDDER)), device="cpu")
    size = int(name.split()[-1])
    return _timed(lambda: library.encode(texts, batch_size=size, normalize_embeddings=True), N_TEXTS)


def _prefill(name: str) -> Work:
    if name.startswith("transformers"):
        model, ids = _library(name)
        return _timed(lambda: model(ids, logits_to_keep=1, use_cache=True))
    generator, ids = _native(name)
    return _timed(lambda: generator._model(ids, generator._model.new_cache(), logits_to_keep=1))


def _timed(work: Callable[[], object], units: int = 1) -> Work:
    @torch.inference_mode()
    def run() -> float:
        started = time.perf_counter()
        work()
        return (time.perf_counter() - started) * 1000 / units

    return run


def _library(name: str) -> tuple[Any, torch.Tensor]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = models.resolve(GENERATOR)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, name.split()[1]))
    return model.eval(), tokenizer(prompt(), return_tensors="pt", add_special_tokens=False)["input_ids"]


def native(dtype: str) -> CausalLM:
    """Return the native engine with the weights in a dtype; they are loaded when first needed."""
    values = {"kind": "causal_lm", "model": GENERATOR, "engine": "native", "dtype": dtype}
    return CausalLM(CausalLMGenerate.model_validate(values | {"max_new_tokens": N_NEW + 1}))


def _native(name: str) -> tuple[CausalLM, torch.Tensor]:
    generator = native(name.split()[1])
    return generator, torch.tensor(generator._ids([prompt()]))


def _decode(name: str) -> Work:
    """Return the work of writing `N_NEW` tokens after a first one, whose time is that of reading the prompt."""
    if name.startswith("llama.cpp"):
        return _llama()
    if name.startswith("transformers"):
        model, ids = _library(name)
        return lambda: _by_library(model, ids)
    generator, _ = _native(name)
    longest = prompt_lookup.LONGEST if "lookup" in name else 0
    return lambda: _by_native(name, generator, longest)


class Clock:
    """A streamer that notes when something comes: the prompt first, then each token."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put(self, value: object) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())

    def end(self) -> None:
        """Nothing is left to be done."""


def _by_library(model: Any, ids: torch.Tensor) -> float:
    clock, new = Clock(), N_NEW + 1
    with torch.inference_mode():
        model.generate(ids, max_new_tokens=new, min_new_tokens=new, do_sample=False, streamer=clock)
    return (clock.times[-1] - clock.times[1]) * 1000 / N_NEW


WRITTEN: dict[str, list[int]] = {}
"""The tokens that each native contender wrote."""


def _by_native(name: str, generator: CausalLM, longest: int) -> float:
    longest_before, prompt_lookup.LONGEST = prompt_lookup.LONGEST, longest
    try:
        answer, steps = generator._begun(Prompt(prompt(), {"all": 0}, ()))
        assert isinstance(answer, SequenceState)
        next(steps)
        started = time.perf_counter()
        n = sum(1 for _ in islice(steps, N_NEW))
        WRITTEN[name] = answer.tokens[len(answer.prompt_tokens) :]
        return (time.perf_counter() - started) * 1000 / n
    finally:
        prompt_lookup.LONGEST = longest_before


def _answers(name: str) -> Work:
    """Return the work of answering `N_PROMPTS` questions about different paragraphs, in up to `N_NEW` tokens each."""
    kind, dtype = name.partition(",")[0].split()
    values = {"kind": "causal_lm", "model": GENERATOR, "engine": "native", "dtype": dtype, "max_new_tokens": N_NEW}
    generator = CausalLM(CausalLMGenerate.model_validate(values))
    texts = [generator.chat("", f"What is this about?\n\n{text}") for text in paragraphs(N_PROMPTS)]
    prompts = [Prompt(text, {"all": 0}, ()) for text in texts]
    if kind == "transformers":
        return _padded(name, texts)
    if "at once" in name:
        return _timed(lambda: generator.write_many(prompts), N_PROMPTS)
    return _timed(lambda: [generator.write_many([prompt]) for prompt in prompts], N_PROMPTS)


def _padded(name: str, texts: list[str]) -> Work:
    from transformers import AutoTokenizer

    model, _ = _library(name.partition(",")[0])
    tokenizer: Any = AutoTokenizer.from_pretrained(models.resolve(GENERATOR), padding_side="left")
    batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    return _timed(lambda: model.generate(**batch, max_new_tokens=N_NEW, do_sample=False), len(texts))


def _llama() -> Work:
    """Return the work of llama.cpp, which is loaded for each run: its threads spin also while it has nothing to do."""
    spec = LlamaCppGenerate(kind="llama_cpp", model=GENERATOR, max_new_tokens=N_NEW + 1)

    def run() -> float:
        pieces = LlamaCpp(spec).stream(Prompt(prompt(), {"all": 0}, ()))
        next(pieces)
        started = time.perf_counter()
        *_, last = pieces
        assert isinstance(last, Generation)
        return (time.perf_counter() - started) * 1000 / (last.n_tokens - 1)

    return run


def peak_mib(group: str, name: str) -> str:
    """Return the peak memory of a process that does a contender's work once, in MiB."""
    command = [sys.executable, "-m", "benchmarks.engine", "--alone", group, name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


def measure(group: str, runs: int) -> None:
    """Print the table of a group."""
    works = {name: prepare(group, name) for name in GROUPS[group]}
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in tqdm(range(runs), desc=group):
        for name, work in works.items():
            times[name].append(work())
    del works
    medians = {name: statistics.median(found) for name, found in times.items()}
    first = medians[GROUPS[group][0]]
    rows = [
        [name, f"{ms:.1f}", f"{min(times[name]):.1f}", f"{first / ms:.2f}", peak_mib(group, name), str(runs)]
        for name, ms in medians.items()
    ]
    print(
        table(
            [group, f"{UNITS[group]}, median", "least", f"times as fast as {GROUPS[group][0]}", "peak MiB", "n"], rows
        )
    )
    for plain in [name for name in WRITTEN if f"{name} with lookup" in WRITTEN]:
        same = WRITTEN[plain] == WRITTEN[f"{plain} with lookup"]
        print(f"{plain}: with lookup, {'the same' if same else 'OTHER'} {len(WRITTEN[plain])} tokens")


def main() -> None:
    """Print a table for each group."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--alone", nargs=2, metavar=("GROUP", "NAME"), help="do one contender's work once; print its peak memory")  # fmt: skip
    arguments = parser.parse_args()
    if arguments.alone:
        prepare(*arguments.alone)()
        status = Path("/proc/self/status").read_text(encoding="ascii")  # rusage would count the process before this one
        print(int(status.partition("VmHWM:")[2].split()[0]) // 1024)
        return
    a = torch.randn(1024, 1024)
    flops = 2 * 1024**3 / (min(_timed(lambda: a @ a)() for _ in range(20)) / 1000) / 1e9
    print(f"{torch.get_num_threads()} threads; float32 matrices at {flops:.0f} GFLOP/s\n")
    for group in arguments.groups:
        measure(group, arguments.runs)
        print(flush=True)


if __name__ == "__main__":
    main()
