"""The house rules that a machine can check: the direction of imports, what stays unloaded, the tree in the README."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ragqa"

STAGES = ("load", "split", "embed", "index", "retrieve", "prompt", "generate", "evidence")
FLOORS = (
    (
        "errors",
        "records",
        "text_analysis",
        "markdown",
        "table_rows",
        "files",
        "points",
        "limits",
        "arguments",
        "stopping",
        "deadline",
        "origins",
        "forks",
        "threads",
        "messages",
        "machine",
        "wire",
        "identifiers",
        "question_words",
        "question_analysis",
        "languages",
        "question_parts",
        "comparisons",
    ),
    ("outputs",),
    ("stages", "config", "sandbox", "settings"),
    ("models", "transformer"),
    ("endpoint",),
    STAGES,
    ("reader",),
    ("evaluate", "train"),
    ("kinds",),
    ("profiles",),
    ("pipeline",),
    ("experiments", "project", "diagnosis", "conversation", "testing"),
    ("serve", "adapters"),
    ("cli",),
)
"""Each room imports its own modules and rooms of lower floors; rooms of one floor know nothing of one another."""

SAME_FLOOR = {
    ("question_words", "text_analysis"),
    ("table_rows", "text_analysis"),
    ("table_rows", "markdown"),
    ("question_analysis", "question_words"),
    ("limits", "errors"),
    ("deadline", "stopping"),
    ("records", "errors"),
    ("records", "wire"),
    ("question_analysis", "text_analysis"),
    ("question_parts", "text_analysis"),
    ("comparisons", "text_analysis"),
    ("question_analysis", "comparisons"),
    ("languages", "text_analysis"),
    ("question_analysis", "languages"),
    ("arguments", "errors"),
    ("forks", "errors"),
    ("limits", "messages"),
    ("stages", "records"),
    ("config", "stages"),
}
ONLY_IMPORTERS = {
    "faiss": {"index"},
    "sqlite3": {"index", "serve"},
    "langchain_text_splitters": {"split"},
    "pypdf": {"load"},
    "olefile": {"load"},
    "msoffcrypto": {"load"},
    "pyzipper": {"load"},
    "docx": {"load"},
    "pptx": {"load"},
    "trafilatura": {"load"},
    "click": {"cli"},
    "httpcore2": {"endpoint"},
    "openai": {"generate"},
    "openvino": {"embed"},
    "sentence_transformers": {"embed", "retrieve"},
    "uvicorn": {"serve"},
    "h11": {"serve"},
    "mcp": {"serve"},
    "mcp_types": {"serve"},
    "starlette": {"serve"},
    "langchain_core": {"adapters"},
    "llama_index": {"adapters"},
}
SERVING = ("starlette", "uvicorn", "h11", "anyio")
HEAVY = ("torch", "faiss", "transformers", "sentence_transformers", "numpy", "trafilatura", "pypdf")


def floor(room: str) -> int:
    return next(level for level, rooms in enumerate(FLOORS) if room in rooms)


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def imports() -> list[tuple[str, str, Path]]:
    """Return (importing room, imported module, file) for each import, those for type checkers left out."""
    found = []
    for file in PACKAGE.rglob("*.py"):
        room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        tree = parsed(file)
        typing_only = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if id(node) in typing_only:
                continue
            if isinstance(node, ast.Import):
                found += [(room, alias.name, file) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                found += [(room, name, file) for name in names]
    return found


def test_rooms_import_downwards_only_and_stage_rooms_never_one_another() -> None:
    wrong = []
    for room, module, file in imports():
        parts = module.split(".")
        if parts[0] != "ragqa" or len(parts) < 2 or room in ("__init__", "__main__"):
            continue
        other = parts[1]
        known = any(other in rooms for rooms in FLOORS)
        if known and other != room and floor(other) >= floor(room) and (room, other) not in SAME_FLOOR:
            wrong.append(f"{file.relative_to(ROOT)} imports {module}")
    assert wrong == []


def test_every_room_stands_on_a_floor() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__", "__main__"} == {room for rooms in FLOORS for room in rooms}


def test_a_library_is_imported_in_its_own_room_only() -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {module}"
        for room, module, file in imports()
        if (library := module.split(".")[0]) in ONLY_IMPORTERS and room not in ONLY_IMPORTERS[library]
    ]
    assert wrong == []


def test_only_the_command_line_prints_or_exits() -> None:
    wrong = []
    for file in PACKAGE.rglob("*.py"):
        relative = file.relative_to(PACKAGE)
        if relative.parts[0] == "cli" or str(relative) == "sandbox/worker.py":
            continue
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "sys.exit", "exit", "os._exit"):
                wrong.append(f"{relative}:{node.lineno}")
    assert wrong == []


@pytest.mark.parametrize(
    "code",
    [
        "import ragqa; ragqa.Pipeline.__doc__",
        "from ragqa.cli import ragqa; ragqa.main(['--help'], standalone_mode=False)",
        "from ragqa.cli import ragqa; ragqa.main(['check', 'pipelines/quickstart.yaml'], standalone_mode=False)",
        "from ragqa.cli import ragqa; ragqa.main(['check', 'pipelines/quickstart.yaml', '--set', 'embed.engine=native', "
        "'--set', 'generate.engine=native', '--set', 'generate.dtype=int8'], standalone_mode=False)",
        "from pathlib import Path; from ragqa.transformer.families import misfit; misfit(Path(), 'decoder', 'model')",
    ],
)
def test_import_help_and_check_load_no_model_library(code: str) -> None:
    script = f"import sys; {code}; print(*(m for m in {HEAVY + SERVING} if m in sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == ""


def test_what_a_search_imports_has_no_library_that_it_does_not_use() -> None:
    needed = "ragqa.split, ragqa.index.reader, ragqa.pipeline.answer.draft, ragqa.pipeline.answer.retrieving"
    unused = ("langchain_text_splitters", "faiss", "torch", "ragqa.evidence", "ragqa.pipeline.answer.asking")
    script = f"import sys, {needed}; print(*(m for m in {unused} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_tree_in_the_readme_is_the_tree_on_disk() -> None:
    block = re.search(r"```text\n(ragqa/\n.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block, "README.md has no tree that begins with ragqa/"
    drawn = {line.split()[0].rstrip("/") for line in block.group(1).splitlines()[1:]}
    on_disk = {p.name for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert drawn == on_disk - {"__main__.py"}


def test_files_stay_small_enough_to_read_whole() -> None:
    long = {
        str(f.relative_to(ROOT)): n
        for f in PACKAGE.rglob("*.py")
        if (n := len(f.read_text("utf-8").splitlines())) > 350
    }
    assert long == {}


WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OPENBLAS_THREAD_TIMEOUT")


@pytest.mark.parametrize(("given", "set_to"), [
    ({}, "10000 14"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "None 14"), ({"GOMP_SPINCOUNT": "7"}, "7 14"),
    ({"OPENBLAS_THREAD_TIMEOUT": "20"}, "10000 20"),
], ids=str)  # fmt: skip
def test_threads_that_wait_leave_the_cores_to_others_unless_the_user_says_how(
    given: dict[str, str], set_to: str
) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in WAITING}
    script = "import os, ragqa; print(*map(os.environ.get, ('GOMP_SPINCOUNT', 'OPENBLAS_THREAD_TIMEOUT')))"
    done = subprocess.run([sys.executable, "-c", script], env=kept | given, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == set_to
