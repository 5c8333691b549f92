"""The corpus, the recall and the figure of the scale benchmark; no model is needed."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from benchmarks import figure, scale, synthetic
from ragqa.index.reader import LocalReader


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAGQA_DATA", str(tmp_path / "none"))
    random = np.random.default_rng(0)
    real = random.standard_normal((len(synthetic.articles()), 3, 16)).astype(np.float32)
    np.save(tmp_path / "real.npy", real / np.linalg.norm(real, axis=2, keepdims=True))
    np.save(tmp_path / "questions.npy", real[:4, 0] / np.linalg.norm(real[:4, 0], axis=1, keepdims=True))
    return tmp_path


def test_every_chunk_is_distinct_and_stands_in_its_document(corpus: Path) -> None:
    chunks = 0
    for block in synthetic.blocks(corpus, 400, 200):
        for entry in block.entries:
            assert all(entry.document.text[chunk.start : chunk.end] == chunk.text for chunk in entry.chunks)
        chunks += len({chunk.text for chunk in block.chunks})
        assert np.linalg.norm(block.vectors, axis=1) == pytest.approx(np.ones(200), rel=1e-5)
    assert chunks == 400


def test_the_corpus_is_the_same_each_time_whatever_its_size(corpus: Path) -> None:
    one, other = (next(synthetic.blocks(corpus, size, 200)) for size in (200, 600))
    assert [chunk.text for chunk in one.chunks] == [chunk.text for chunk in other.chunks]
    assert np.array_equal(one.vectors, other.vectors)


def test_vectors_are_as_near_to_real_ones_as_wanted(corpus: Path) -> None:
    real = np.load(corpus / "real.npy").reshape(-1, 16)
    (block,) = synthetic.blocks(corpus, 200, 200)
    low, high = synthetic.NEAR
    near = (block.vectors @ real.T).max(axis=1)
    assert low - 1e-3 < near.min() and near.mean() < high


def test_an_exact_search_has_full_recall_and_a_missed_hit_lowers_it(corpus: Path, tmp_path: Path) -> None:
    built = scale.build(corpus, tmp_path / "index", 200)
    assert built.chunks == 200 and built.database > 0 and built.segments == 200 * 16 * 4
    questions = np.load(corpus / "questions.npy")
    tenth = scale.exact(tmp_path / "index", questions)
    with LocalReader(tmp_path / "index", scale.identity(corpus)) as reader:
        found = [[score for _, score in reader.dense(question, 10)] for question in questions]
    assert scale.recall_at_10(found, tenth) == 1.0
    assert scale.recall_at_10([scores[:9] for scores in found], tenth) == 0.9


def test_what_was_saved_is_read_again(tmp_path: Path) -> None:
    found: list[scale.Built | scale.Made | scale.Searched] = [scale.Built(10, 1.0, 2, 3, 4)]
    found.append(scale.Searched(10, "flat", 0.1, 0.01, [1.0], [2.0], [3.0], 1.0, 5))
    scale.save(found, tmp_path / "found.json")
    assert scale.read(tmp_path / "found.json") == found


def test_the_figure_is_an_svg_whose_labels_lie_apart() -> None:
    lines = {name: [(1e4, 1.0), (1e6, end)] for name, end in (("a & b", 10.0), ("c", 10.1), ("d", 10.2))}
    root = ET.fromstring(figure.draw("title", "chunks", "ms", lines))
    labels = {e.text: float(e.get("y", "")) for e in root.iter("{http://www.w3.org/2000/svg}text") if e.get("y")}
    heights = sorted(y for text, y in labels.items() if text and ": 10" in text)
    assert "a & b: 10" in labels and len(heights) == 3
    assert min(np.diff(heights)) >= 16
