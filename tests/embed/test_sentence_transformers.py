"""Models of sentence-transformers: the library's own vectors, prompts and dimensions; no text is cut, no code is run."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from ragqa.config.specs import SentenceTransformersEmbed
from ragqa.embed.sentence_transformers import SentenceTransformersEmbedder
from ragqa.errors import ModelError, RefusedError, UsageError
from tests.tiny import save_modules, save_tiny_bert

PROMPTS = {"query": "ask: ", "document": "read: "}
TEXTS = ["The ferry leaves at noon.", "Mara Lind approves a loan.", "noon"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model that pools the last token, and has a Dense module and prompts."""
    return save_modules(save_tiny_bert(tmp_path_factory.mktemp("model")), "lasttoken", dense=24, prompts=PROMPTS)


def embedder(folder: Path, **fields: Any) -> SentenceTransformersEmbedder:
    values = {"kind": "sentence_transformers", "model": str(folder), "dtype": "float32", **fields}
    return SentenceTransformersEmbedder(SentenceTransformersEmbed.model_validate(values))


@pytest.mark.parametrize("dim", [None, 8])
def test_vectors_are_those_of_the_library_with_the_prompts_of_each_side(folder: Path, dim: int | None) -> None:
    library, ours = SentenceTransformer(str(folder), device="cpu"), embedder(folder, dim=dim)
    options: dict[str, Any] = {"normalize_embeddings": True, "truncate_dim": dim}
    np.testing.assert_allclose(ours.embed_passages(TEXTS), library.encode_document(TEXTS, **options), atol=1e-5)
    np.testing.assert_allclose(ours.embed_questions(TEXTS), library.encode_query(TEXTS, **options), atol=1e-5)
    assert ours.dim == (dim or 24) and ours.window == 100


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="needs the extra openvino")
def test_openvino_gives_the_vectors_of_torch_and_reports_nothing_to_its_makers(folder: Path) -> None:
    torch, other = embedder(folder), embedder(folder, backend="openvino")
    texts = [*TEXTS, "x" * 80]
    np.testing.assert_allclose(other.embed_passages(texts), torch.embed_passages(texts), atol=1e-4)
    assert other.identity == torch.identity and other.recorded["engine"] == "openvino"
    assert sys.modules["openvino_telemetry"] is None  # without it, the library has a stand-in that does nothing


def test_a_passage_beyond_the_window_is_refused_and_a_question_is_read_in_parts(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ours = embedder(folder)
    with pytest.raises(UsageError, match=r"text 1 has 126 tokens; .* reads 100"):
        ours.embed_passages(["short", "x" * 120])
    assert abs(float(np.linalg.norm(ours.embed_question("noon " * 40))) - 1) < 1e-3
    assert "embedded in 3 parts" in caplog.text or "embedded in 4 parts" in caplog.text


def test_identity_changes_with_what_vectors_depend_on(folder: Path, tmp_path: Path) -> None:
    before = embedder(folder).identity
    assert embedder(folder, dim=8).identity != before
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    assert embedder(other).identity == before
    (pooling,) = other.glob("1_*/config.json")
    pooling.write_text(pooling.read_text(encoding="utf-8").replace("lasttoken", "mean"), encoding="utf-8")
    assert embedder(other).identity["pooling"] != before["pooling"]
    (dense,) = other.glob("2_*/model.safetensors")
    dense.write_bytes(dense.read_bytes()[:-1] + b"\1")
    assert embedder(other).identity["weights"] != before["weights"]


def test_more_dimensions_than_the_model_has_are_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"embed\.dim is 25; the vectors of .* have 24 dimensions"):
        embedder(folder, dim=25).load()


def test_no_code_and_no_pickle_of_a_folder_is_loaded(folder: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    (dense,) = other.glob("2_*/model.safetensors")
    dense.rename(dense.with_name("pytorch_model.bin"))
    with pytest.raises(RefusedError, match="has only pickle weights"):
        embedder(other)
    modules = other / "modules.json"
    listed = json.loads(modules.read_text(encoding="utf-8"))
    modules.write_text(json.dumps([{**listed[0], "type": "my_code.Transformer"}]), encoding="utf-8")
    with pytest.raises(RefusedError, match=r"my_code\.Transformer is code of the model's own"):
        embedder(other)
    for content in ("[", "[1]", "{}[]"):
        modules.write_text(content, encoding="utf-8")
        with pytest.raises(ModelError, match="is no list of modules"):
            embedder(other)
    modules.unlink()
    with pytest.raises(ModelError, match=r"has no modules\.json: use embed of kind mean_pool or cls_pool"):
        embedder(other)
