"""Runs the encoder of a sentence-transformers model by OpenVINO (the extra `openvino`)."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ragqa.errors import ModelError

# Without this, OpenVINO writes an identifier into the home folder and reports its use to its makers.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

try:
    import openvino
except ImportError as missing:
    raise ModelError("embed.backend openvino needs an extra: pip install 'ragqa[openvino]'") from missing

_EXAMPLE = ["noon", "The ferry leaves at noon."]
_OTHERS = ["In winter it stays in the harbour, and leaves again in spring.", "harbour", "Mara Lind approves a loan."]
_LEAST_COSINE = 0.999


class _HiddenStates(torch.nn.Module):
    """The last hidden states of an encoder, by the two inputs that one text has."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self._encoder = encoder

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        return self._encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


class _Compiled(torch.nn.Module):
    """Stands in for the encoder of transformers. Several threads may use it at once."""

    def __init__(self, compiled: Any, config: Any) -> None:
        super().__init__()
        self._compiled, self.config = compiled, config

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> dict[str, torch.Tensor]:
        inputs = {"input_ids": input_ids.numpy(), "attention_mask": attention_mask.numpy()}
        states = self._compiled.create_infer_request().infer(inputs)[0]
        return {"last_hidden_state": torch.from_numpy(states)}


def use_openvino(model: Any, dtype: torch.dtype) -> None:
    """Let OpenVINO run the encoder of a model of sentence-transformers, which stays the same otherwise.

    :param dtype: in which OpenVINO computes, float32 or bfloat16.
    :raises ModelError: the encoder cannot be converted, or its vectors differ from those of torch.
    """
    before = _vectors(model)
    module = model[0]
    encoder = getattr(module, "model", None)
    if not isinstance(encoder, torch.nn.Module):
        raise ModelError(f"embed.backend openvino: the first module is {type(module).__name__}; must be a Transformer")
    features = model.preprocess(_EXAMPLE)
    example = {name: features[name] for name in ("input_ids", "attention_mask")}
    with _without_warnings(), torch.inference_mode():
        converted = openvino.convert_model(_HiddenStates(encoder), example_input=example)
    precision = "bf16" if dtype == torch.bfloat16 else "f32"
    options = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    module.model = _Compiled(openvino.Core().compile_model(converted, "CPU", options), encoder.config)
    least = float(torch.nn.functional.cosine_similarity(before, _vectors(model)).min())
    if not least >= _LEAST_COSINE:
        raise ModelError(
            f"embed.backend openvino: its vectors differ from those of torch (cosine {least:.4f}): use torch"
        )


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Drop the warnings of tracing, which reads every attribute and names each shape that it cannot follow.

    The vectors are compared afterwards.
    """
    log = logging.getLogger("transformers.modeling_utils")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


@torch.inference_mode()
def _vectors(model: Any) -> torch.Tensor:
    """Return the vectors of a few texts, of other lengths than the example."""
    vectors: torch.Tensor = model(model.preprocess(_OTHERS))["sentence_embedding"]
    return vectors.float()
