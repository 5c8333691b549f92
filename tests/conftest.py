"""What tests of several folders share: the order of the files, and vectors that are computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from tests.fakes import Vectors

LONGEST = (
    "test_torture.py", "test_docs.py", "test_first_answer.py", "test_bad_inputs.py", "test_load.py", "test_transformer_weights.py",
    "test_cli.py", "test_train_lm.py", "test_generate.py", "test_engines.py", "test_examples.py", "test_pull.py", "test_walk.py", "test_wheel.py",
)  # fmt: skip
"""The files that take longest. They are begun first, so that no worker is left alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; all else stays in order."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


_VECTORS: dict[tuple[str, str], Vectors] = {}


@pytest.fixture(scope="module")
def each_text_embedded_once() -> Iterator[None]:
    """Keep the vectors of texts for the next pipeline: to embed the sample corpus takes longer than most tests."""
    from ragqa.embed.encoder import EncoderEmbedder

    embed_passages = EncoderEmbedder.embed_passages

    def kept(self: EncoderEmbedder, texts: Sequence[str]) -> Vectors:
        model = str(self.identity)
        new = [text for text in dict.fromkeys(texts) if (model, text) not in _VECTORS]
        _VECTORS.update(zip(((model, text) for text in new), embed_passages(self, new), strict=True))
        return np.array([_VECTORS[model, text] for text in texts], dtype=np.float32).reshape(len(texts), self.dim)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EncoderEmbedder, "embed_passages", kept)
        yield
