"""Every command from a folder that holds modules with the names of libraries: nothing of it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ragqa.cli import COMMANDS
from tests.models.test_pull import build_model
from tests.torture import Trial

ROOT = Path(__file__).parent.parent.parent
MODULES = (
    "pip", "ragqa", "torch", "numpy", "transformers", "tokenizers", "faiss", "click", "yaml", "pydantic", "pypdf", "lxml",
    "trafilatura", "docx", "regex", "safetensors", "huggingface_hub", "jinja2", "setuptools", "tqdm", "platformdirs",
)  # fmt: skip
USES = {
    "help": ["--help"],
    "init": ["init", "docs", "--output", "made.yaml"],
    "check": ["check", "p.yaml"],
    "plan": ["plan", "p.yaml"],
    "index": ["index", "p.yaml"],
    "search": ["search", "p.yaml", "ferry"],
    "prompt": ["prompt", "p.yaml", "When does the ferry leave?"],
    "ask": ["ask", "p.yaml", "When does the ferry leave?"],
    "chat": ["chat", "p.yaml"],
    "serve": ["serve", "token", "reader"],
    "summarize": ["summarize", "p.yaml"],
    "show": ["show", "docs/a.md:0-5"],
    "eval": ["eval", "p.yaml", "--retrieval-only", "--dataset", "jsonl:q.jsonl", "--out", "run"],
    "compare": ["compare", "run", "run"],
    "replay": ["replay", "run"],
    "tune": ["tune", "p.yaml", "--dataset", "jsonl:q.jsonl", "--metric", "mrr"],
    "questions": ["questions", "draft", "p.yaml", "--n", "1"],
    "train": ["train", "lm", "docs", "--tokenizer", "tokenizer", "--out", "lm", "--steps", "1"],
    "tokenizer": ["tokenizer", "train", "docs", "--vocab-size", "300", "--out", "tokenizer"],
    "doctor": ["doctor", "docs"],
    "gc": ["gc", "p.yaml"],
    "purge": ["purge", "p.yaml", "a.md"],
    "export": ["export", "p.yaml", "index.tar"],
    "import": ["import", "index.tar", "p.yaml"],
    "formats": ["formats"],
    "models": ["models", "pull", "all-minilm-l6-v2"],
    "schema": ["schema"],
    "settings": ["settings"],
}
"""A use of each command; that some of them end with an error is no fault here."""


def run(folder: Path, uses: tuple[str, ...] = ()) -> Trial:
    """Run every command as the console script and as a module, with PYTHONPATH unset, empty, and with an empty part.

    :param uses: the commands to try; all for none.
    """
    folder.mkdir(parents=True)
    wrong = [f"no use of {name} is known here" for name in COMMANDS if name not in USES]
    tried = 0
    for use in uses or USES:
        for way, command in _ways():
            for path in (None, "", f":{ROOT}"):
                if way == "script" or path is None or use in ("index", "models", "ask", "help"):
                    wrong += [
                        f"{use} as {way} with PYTHONPATH {path!r}: {fault}"
                        for fault in _try(folder, command, way, use, path)
                    ]
                    tried += 1
    wrong += [f"models pull, for real: {fault}" for fault in _pull(folder)]
    return Trial("commands beside modules with the names of libraries", tried + 1, wrong, f"{len(MODULES)} modules")


def _ways() -> list[tuple[str, list[str]]]:
    code = "import sys; sys.argv[0] = 'ragqa'; from ragqa.__main__ import main; main()"
    script = [sys.executable, "-c", f"import sys; sys.path[:1] = [{str(Path(sys.executable).parent)!r}]; {code}"]
    return [("script", script), ("module", [sys.executable, "-m", "ragqa"])]


def _try(folder: Path, command: list[str], way: str, use: str, path: str | None) -> Iterator[str]:
    place = folder / f"{use}-{way}-{'none' if path is None else len(path)}"
    _fill(place)
    if way == "module" or path:
        # Python itself finds this one before a line of ours has run
        (place / "ragqa.py").unlink()
    environment = {**os.environ, "RAGQA_CACHE": str(_models(folder))}
    environment.pop("PYTHONPATH", None)
    environment |= {} if path is None else {"PYTHONPATH": path}
    done = subprocess.run(
        [*command, *USES[use]],
        cwd=place,
        env=environment,
        input="",
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    yield from (f"{canary.stem} was run" for canary in place.glob("*.canary"))
    if "Traceback" in done.stderr:
        yield done.stderr.strip().splitlines()[-1]


def _fill(place: Path) -> None:
    (place / "docs").mkdir(parents=True)
    (place / "docs" / "a.md").write_text(
        "# Ferry\n\nThe ferry leaves at noon from the old quay.\n" * 3, encoding="utf-8"
    )
    (place / "q.jsonl").write_text(
        '{"id": "1", "question": "When does the ferry leave?", "answers": ["at noon"]}\n', encoding="utf-8"
    )
    sections = "load: {kind: folder, path: docs}\nsplit: {kind: recursive}\nembed: {kind: mean_pool, model: all-minilm-l6-v2}\n"
    sections += "index: {kind: faiss, path: index}\nretrieve: {kind: hybrid, top_k: 1}\nprompt: {kind: in_context, template: span}\n"
    sections += "generate: {kind: causal_lm, model: smollm2-135m-instruct, decode: span}\n"
    (place / "p.yaml").write_text(f"version: 1\n{sections}", encoding="utf-8")
    for module in MODULES:
        canary = place / f"{module}.canary"
        (place / f"{module}.py").write_text(f"open({str(canary)!r}, 'w').close()\n", encoding="utf-8")


def _models(folder: Path) -> Path:
    """Return a cache that has the user's models and nothing else of theirs."""
    from ragqa.models import cache_dir

    cache = folder / "cache"
    if not cache.exists():
        cache.mkdir()
        for name in ("models", "dequantised"):
            if (cache_dir() / name).exists():
                (cache / name).symlink_to(cache_dir() / name)
    return cache


def _pull(folder: Path) -> Iterator[str]:
    """Pull a model through pip from a folder of wheels, beside a `pip.py`."""
    import dataclasses
    import json

    from tests.torture.pulls import WORK

    place, shelf = folder / "pull", folder / "shelf"
    shelf.mkdir()
    _fill(place)
    (place / "ragqa.py").unlink()
    model = build_model(shelf)
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(shelf), "PIP_CONFIG_FILE": os.devnull}
    environment |= {"RAGQA_CACHE": str(folder / "pulled"), "RAGQA_OFFLINE": "", "PYTHONPATH": str(ROOT)}
    code = f"import sys; sys.path[:] = [p for p in sys.path if p]\n{WORK}"
    fields = json.dumps(dataclasses.asdict(model))
    done = subprocess.run(
        [sys.executable, "-c", code, fields, "", "0", "pull"],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        yield f"it fails: {done.stderr[-300:]}"
    yield from (f"{canary.stem} was run" for canary in place.glob("*.canary"))
