"""The keys and values of a prompt's fixed part on disk: bit for bit those that are computed, or computed again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from ragqa import models
from ragqa.generate.kept_states import KeptStates
from ragqa.generate.prefix import PrefixCache
from ragqa.transformer import Decoder, KVCache, TransformerConfig

PREFIX = [number % 50 for number in range(80)]
PROMPT = [*PREFIX, 3, 1, 4, 1, 5]
SIZES = TransformerConfig(vocab_size=50, d_model=32, num_layers=2, num_heads=4, d_ff=48, max_length=200)


class Counting(Decoder):
    """Counts the tokens that it reads."""

    read = 0

    def forward(self, tokens: Any, *arguments: Any, **named: Any) -> Any:
        self.read += tokens.numel()
        return super().forward(tokens, *arguments, **named)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(models, "cache_dir", lambda: tmp_path)
    return tmp_path / "prefixes"


def decoder(dtype: torch.dtype = torch.float32) -> Counting:
    torch.manual_seed(0)
    return Counting(SIZES).to(dtype).eval()


@torch.inference_mode()
def read(model: Counting, *facts: str, shared: int = len(PREFIX)) -> tuple[torch.Tensor, int]:
    """Return the logits after the prompt in a new `PrefixCache`, as in a new process, and the tokens that were read."""
    before = model.read
    with PrefixCache(model, facts or None).begun(PROMPT, shared, 8) as (cache, unread):
        logits = model(torch.tensor([unread]), cache, logits_to_keep=1)
    return logits, model.read - before


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_second_process_reads_the_rest_alone_and_computes_the_same_bits(folder: Path, dtype: torch.dtype) -> None:
    model = decoder(dtype)
    wanted, whole = read(model)
    assert whole == len(PROMPT) and not folder.exists()
    first, again = read(model, "weights"), read(model, "weights")
    assert (first[1], again[1]) == (len(PROMPT), len(PROMPT) - len(PREFIX))
    assert torch.equal(first[0], wanted) and torch.equal(again[0], wanted)


def test_other_weights_tokens_or_threads_find_nothing(folder: Path) -> None:
    model = decoder()
    read(model, "weights")
    assert read(model, "others")[1] == len(PROMPT)
    assert read(model, "weights", shared=len(PREFIX) - 1)[1] == len(PROMPT)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        assert read(model, "weights")[1] == len(PROMPT)
    finally:
        torch.set_num_threads(threads)
    assert read(model, "weights")[1] < len(PREFIX)


def test_a_short_prefix_is_not_kept(folder: Path) -> None:
    read(decoder(), "weights", shared=63)
    assert not folder.exists()


def other_form(data: bytes) -> bytes:
    return save({"state": torch.zeros(2, 2, 1, 4, 80, 9)})


@pytest.mark.parametrize(
    "change",
    [lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda data: b"", lambda data: b"no state", other_form,
     lambda data: save({"other": torch.zeros(3)}), lambda data: save({"state": torch.zeros(3)})],
)  # fmt: skip
@pytest.mark.parametrize("whole", [False, True], ids=["damaged", "of another hash"])
def test_a_file_that_is_no_state_of_this_prefix_is_read_anew(
    folder: Path, change: Callable[[bytes], bytes], whole: bool
) -> None:
    model = decoder()
    wanted, _ = read(model, "weights")
    (path,) = folder.iterdir()
    data = change(path.read_bytes())
    path.unlink()
    if whole and len(data) < 20_000:  # a file whose hash is right and whose content is wrong
        KeptStates().keep(path.stem, lambda place: bool(place.write_bytes(data)) or True)
    else:
        path.write_bytes(data)
    found, count = read(model, "weights")
    assert torch.equal(found, wanted) and count == len(PROMPT)


def test_a_full_disk_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ragqa.generate.prefix.save_file", full)
    model = decoder()
    assert torch.equal(read(model, "weights")[0], read(model)[0])
    assert list(folder.iterdir()) == []


def test_a_state_of_another_model_is_refused() -> None:
    cache = KVCache(SIZES)
    for state in (torch.zeros(3), torch.zeros(2, 2, 1, 4, 5, 8, dtype=torch.bfloat16), torch.zeros(1, 2, 1, 4, 5, 8)):
        with pytest.raises(ValueError, match="not one of this model"):
            cache.restore(state)
    cache.restore(torch.ones(2, 2, 1, 4, 300, 8))
    assert cache.length == 300 and torch.equal(cache.state, torch.ones(2, 2, 1, 4, 300, 8))
