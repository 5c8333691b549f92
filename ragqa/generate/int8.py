"""Weights and inputs in eight bits, with torch's integer kernels. For each token a quarter of the bytes has to be read.

Weights have one scale for each output channel, inputs one for each position. So a position's result does not depend on
the other positions. To lose less precision, input channels that are large in ordinary text are divided by a factor, and
their weights are multiplied by it (SmoothQuant, Xiao et al. 2023).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ragqa.transformer import Decoder, load_decoder

SMOOTHQUANT_ALPHA = 0.65
"""The share of a channel's size that moves to the weights. On eight paragraphs of SQuAD 1.1, .35 and .5 were worse."""
TEXT = """The harbour office opens at half past seven, except on Sundays. In 1987 the town bought a second crane, which
cost 41,000 pounds and lifts 12.5 tonnes. "Whoever moors here pays by the metre," says the warden, Mrs Ingrid Halloran,
"and nobody has ever asked for the money back." Questions: Who is the warden? Answer: Ingrid Halloran. Ships from Norway,
Japan and Brazil bring timber, fish and coffee; they leave with wool, because the hills behind the town feed thousands of
sheep. The method is simple: measure the depth, subtract the tide, and add one metre (never less) for safety.
"""
"""Ordinary text, with which the sizes of channels are measured."""


def input_bits() -> int:
    """Return the number of bits of inputs on this processor: 8, or 7 on x86 without AVX-512 VNNI.

    Those processors add pairs of products in sixteen bits. With eight bits the sum would overflow; seven bits lose some
    precision.
    """
    has = torch.cpu.get_capabilities()
    return 7 if has.get("architecture") == "x86_64" and not has.get("avx512_vnni") else 8


class Int8Linear(nn.Module):
    """A linear layer in eight bits; its inputs and outputs are float32.

    torch's kernel uses one input scale for a whole batch. Therefore each position is scaled to the range -1 to 1, and
    two inputs with weight 0, 1 and -1, are added, so that the range is the same for every batch.

    :param size: the largest input of each channel in ordinary text, float32[in_features].
    """

    def __init__(self, layer: nn.Linear, size: Tensor) -> None:
        super().__init__()
        # 1. Move a share of each input channel's size to its weights, by the largest input and the largest weight.
        weight = layer.weight.detach().float()
        largest = weight.abs().amax(0).clamp_min(1e-5)
        self.smoothing = (largest ** (1 - SMOOTHQUANT_ALPHA) / size.clamp_min(1e-5) ** SMOOTHQUANT_ALPHA).contiguous()
        # 2. Add two columns of zeros for the two constant inputs (see `forward`).
        weight = pad(weight / self.smoothing, (0, 2))
        # 3. Round each output channel to integers from -127 to 127 with its own scale, and pack them.
        scales = (weight.abs().amax(1) / 127).clamp_min(1e-8)
        if torch.backends.quantized.engine == "none":  # this is so on ARM processors
            torch.backends.quantized.engine = "qnnpack"
        with warnings.catch_warnings():  # a deprecation of the form that these kernels need
            warnings.simplefilter("ignore")
            eight = torch.quantize_per_channel(
                weight, scales.double(), torch.zeros(len(scales), dtype=torch.long), 0, torch.qint8
            )
            self.packed: Any = torch.ops.quantized.linear_prepack(eight, None)
        self.bias = layer.bias
        self.range_sentinels = torch.tensor([1.0, -1.0])
        self.reduce_range = input_bits() == 7

    def forward(self, x: Tensor) -> Tensor:
        """Return float32[..., out_features] for x float32[..., in_features]."""
        # 1. Scale each position to the range -1 to 1; the result is multiplied by its size at the end.
        x = x * self.smoothing
        size = torch.linalg.vector_norm(x, torch.inf, dim=-1, keepdim=True).clamp_min_(1e-12)
        # 2. Add 1 and -1, so that the kernel finds the same range in every batch and rounds each position in the same
        #    way.
        unit = torch.cat((x / size, self.range_sentinels.expand(*x.shape[:-1], 2)), dim=-1)
        # 3. Multiply in eight bits; the kernel computes the range of the inputs itself.
        result: Tensor = torch.ops.quantized.linear_dynamic(unit, self.packed, reduce_range=self.reduce_range)
        return result.mul_(size) if self.bias is None else torch.addcmul(self.bias, result, size)


def load_int8(folder: Path, tokenise: Callable[[str], list[int]]) -> Decoder:
    """Load the decoder of a folder on the processor, in eight bits."""
    decoder = load_decoder(folder)
    quantise(decoder, tokenise)
    return decoder


@torch.inference_mode()
def quantise(decoder: Decoder, tokenise: Callable[[str], list[int]]) -> None:
    """Replace the linear layers of a float32 decoder by eight-bit layers, output weights included."""
    # 1. Read ordinary text, and record the largest input of each channel of each layer.
    decoder.untie()
    sizes: dict[str, Tensor] = {}
    layers = {name: layer for name, layer in decoder.named_modules() if isinstance(layer, nn.Linear)}
    hooks = [layer.register_forward_pre_hook(partial(_measure, sizes, name)) for name, layer in layers.items()]
    decoder(torch.tensor([tokenise(TEXT)[: decoder.config.max_length]]))
    for hook in hooks:
        hook.remove()
    # 2. Replace the layers.
    for name, layer in layers.items():
        parent, _, own = name.rpartition(".")
        setattr(decoder.get_submodule(parent), own, Int8Linear(layer, sizes[name]))


def _measure(sizes: dict[str, Tensor], name: str, layer: nn.Module, inputs: tuple[Tensor]) -> None:
    """Record the largest input of each channel of a layer, float32[in_features]; a forward pre-hook."""
    sizes[name] = inputs[0].abs().flatten(0, -2).amax(0)
