"""Where and in which precision a model runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def device() -> str:
    """Return `cuda` where there is one, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def torch_dtype(name: str, *, matrices: bool = False) -> torch.dtype:
    """Return a torch dtype; `auto` is bfloat16 where that is faster, else float32.

    :param matrices: the work is in products of large matrices, as in embedding, where bfloat16 wins only with tile
        units (AMX). Else it is in reading weights, as in decoding, and
        bfloat16 wins by their size wherever the processor has instructions for it.
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
    """Keep transformers from drawing on stderr while weights load, which takes a fraction of a second."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
