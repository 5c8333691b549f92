"""The device and the precision for a model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def device() -> str:
    """Return `cuda` if a CUDA device is available, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def torch_dtype(name: str, *, matrices: bool = False) -> torch.dtype:
    """Return a torch dtype by its name; `auto` is bfloat16 if that is faster, else float32.

    :param matrices: True if products of large matrices take most of the time, as in embedding. bfloat16 is then faster
        only with tile units (AMX). False if reading the weights takes most of the time, as in decoding. bfloat16 is
        then faster on every processor that has instructions for it, because its weights are half as large.
    """
    import torch

    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]
    if torch.cuda.is_available():
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        tiles = torch.cpu._is_amx_tile_supported()
        native = bool(tiles or (not matrices and torch.cpu._is_avx512_bf16_supported()))
    return torch.bfloat16 if native else torch.float32


@contextmanager
def no_progress_bar() -> Iterator[None]:
    """Turn off the progress bars of transformers, since weights load in a fraction of a second."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
