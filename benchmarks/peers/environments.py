"""One virtual environment for each peer, made once and kept under `.ragqa/peers`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PLACE = ROOT / ".ragqa" / "peers"

TORCH = "torch==2.13.0"
ENCODER = ("transformers==5.23.0", "sentence-transformers==6.2.0")
"""The versions that ragqa is measured with (constraints.txt), so that the frameworks differ and not the engine."""
FAISS = "faiss-cpu==1.15.1"

QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "ANONYMIZED_TELEMETRY": "False",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "PYTHONUTF8": "1",
}
"""No download, no telemetry, no tracing."""


@dataclass(frozen=True, slots=True)
class Peer:
    """What is installed for a peer; `shown` names the packages whose versions stand in the table.

    :param torch: whether torch is installed before the packages.
    """

    packages: tuple[str, ...]
    shown: tuple[str, ...]
    torch: bool = True


PEERS = {
    "langchain": Peer(
        (
            *(*ENCODER, FAISS, "langchain-core==1.8.1", "langchain-community==0.4.2"),
            *("langchain-huggingface==1.2.3", "langchain-text-splitters==1.1.3"),
        ),
        ("langchain-core", "langchain-community", "langchain-huggingface", "sentence-transformers"),
    ),
    "llamaindex": Peer(
        (
            *(*ENCODER, FAISS, "llama-index-core==0.14.25", "llama-index-embeddings-huggingface==0.8.0"),
            "llama-index-vector-stores-faiss==0.7.0",
        ),
        ("llama-index-core", "llama-index-embeddings-huggingface", "sentence-transformers"),
    ),
    "haystack": Peer(
        (*ENCODER, "haystack-ai==3.4.1", "sentence-transformers-haystack==2.0.0"),
        ("haystack-ai", "sentence-transformers-haystack", "sentence-transformers"),
    ),
    "txtai": Peer((ENCODER[0], FAISS, "txtai==9.14.0"), ("txtai",)),
    "markitdown": Peer(("markitdown[docx,outlook,pdf,pptx,xls,xlsx]==0.1.9",), ("markitdown",), torch=False),
}


def python(peer: str | None) -> Path:
    """Return the interpreter that runs a peer; ragqa's own for None. A missing environment is made first."""
    if peer is None:
        return Path(sys.executable)
    place = PLACE / peer
    torch = (TORCH,) if PEERS[peer].torch else ()
    wanted = "\n".join((*torch, *PEERS[peer].packages)) + "\n"
    stamp = place / "installed.txt"  # written last, so that a half-made environment is made anew
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"installing {peer} into {place.relative_to(ROOT)}", file=sys.stderr)
        _install(place, torch, PEERS[peer].packages)
        stamp.write_text(wanted, encoding="utf-8")
    return place / "bin" / "python"


def _install(place: Path, torch: tuple[str, ...], packages: tuple[str, ...]) -> None:
    shutil.rmtree(place, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "-qq"]
    index = os.environ.get("TORCH_INDEX")
    # torch first and by itself: what comes after keeps it
    if torch:
        subprocess.run([*pip, *(["--index-url", index] if index else []), *torch], check=True)
    subprocess.run([*pip, *torch, *packages], check=True)


def versions(interpreter: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Return the installed version of each package."""
    code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    command = [str(interpreter), "-c", code, *names]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return dict(zip(names, found, strict=True))
