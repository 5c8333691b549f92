"""The kinds of the section `generate`, as frozen data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ragqa.config.base import Conflict, ModelUse, Name, PathRule, Slot
from ragqa.config.endpoints import AtEndpoint
from ragqa.config.slots import ConstraintSpec, Extra, GenerateSpec


class _Generate(GenerateSpec):
    temperature: float = Field(0.0, ge=0, le=5, description="0 is greedy.")
    top_k: int = Field(0, ge=0, description="Sample from the k likeliest tokens; 0 is all.")
    top_p: float = Field(1.0, gt=0, le=1, description="Sample from the likeliest tokens of this total probability.")
    seed: int = Field(0, ge=0, description="Seed of the sampler.")
    stop: list[Name] = Field(
        [],
        description="Strings at which the answer ends, besides the labels of the template's lines; they are left out of it.",
    )
    deadline: float = Field(
        60.0,
        gt=0,
        description="Seconds for the answer, from its first token (at an endpoint, from the request); what is written by "
        "then comes back, marked.",
    )


class FreeDecode(ConstraintSpec):
    """Any token may come next."""

    kind: Literal["free"]


class SpanDecode(ConstraintSpec):
    """The answer is the likeliest span of the passages."""

    has_confidence: ClassVar[bool] = True
    stepwise: ClassVar[bool] = False

    kind: Literal["span"]


class CausalLMGenerate(_Generate):
    """Any causal LM that transformers can read, from a folder, a hub id or a built-in name."""

    likelihoods: ClassVar[bool | None] = True
    bounded_tokens: ClassVar[bool] = True

    kind: Literal["causal_lm"]
    model: Annotated[Name, PathRule("local", weights=True)] = Field(description="Built-in name, folder, or hub id.")
    revision: Name | None = Field(None, description="Hub revision (a commit hash).")
    dtype: Literal["auto", "float32", "bfloat16", "int8"] = Field(
        "auto",
        description="`auto`: bfloat16 where the processor has it natively, else float32. `int8` is faster, needs the "
        "native engine and a CPU, and picks another token than float32 one time in eleven, in eight on x86 "
        "processors without AVX-512 VNNI (SmolLM2-135M).",
    )
    engine: Literal["auto", "native", "transformers"] = Field(
        "auto", description="What runs the weights; `auto`: native for Llama and Qwen2, else transformers."
    )
    batch_size: int = Field(
        1,
        ge=1,
        le=256,
        description="Free answers that `ask_many` writes at once, by the native engine; this may change "
        "a token where two are as likely up to rounding. They share the sum of their deadlines; each holds the room of "
        "the longest prompt and answer in memory (46 KB a token for SmolLM2-135M in float32).",
    )
    repetition_penalty: float = Field(1.0, gt=0, le=5, description="Above 1 discourages repeated tokens.")
    decode: Annotated[ConstraintSpec, Slot("constraint", short=True)] = Field(
        FreeDecode.model_construct(kind="free"),  # not validated: that would build its schema at import
        description="`span`: the answer is the likeliest span of the passages; use template span with it.",
    )

    def conflicts(self) -> Iterator[Conflict]:
        """Yield settings that the engine or the kind of decoding does not support."""
        for key, wanted in (("dtype", self.dtype == "int8"), ("batch_size", self.batch_size > 1)):
            if wanted and self.engine == "transformers":
                name = "dtype int8" if key == "dtype" else key
                yield Conflict(
                    (key, "engine"), f"{name} needs the native engine: leave engine out, or set it to native"
                )
        if self.batch_size > 1 and not self.decode.stepwise:
            message = "batch_size needs decode: free; spans are read one question at a time"
            yield Conflict(("batch_size", "decode"), message)

    def writes(self) -> bool:
        """Tell whether `decode` lets the model write its own text."""
        return self.decode.stepwise

    def model_use(self) -> ModelUse:
        """Return the causal LM."""
        wanted = {
            "engine": (self.engine == "native", "use auto or transformers"),
            "dtype": (self.dtype == "int8", "int8 needs it; use auto, float32 or bfloat16"),
            "batch_size": (self.batch_size > 1, "batch_size needs it; use 1"),
        }
        needs_native = tuple((key, advice) for key, (asked, advice) in wanted.items() if asked)
        return ModelUse(self.model, self.revision, "generator", "decoder", needs_native)


class LlamaCppGenerate(_Generate):
    """A GGUF model in process by llama.cpp (`pip install ragqa[llama-cpp]`)."""

    likelihoods: ClassVar[bool | None] = False
    bounded_tokens: ClassVar[bool] = True
    extra: ClassVar[Extra | None] = Extra("llama-cpp", "xllamacpp")

    kind: Literal["llama_cpp"]
    model: Annotated[Name, PathRule("local", weights=True)] = Field(description="Built-in name, folder or .gguf file.")
    window: int = Field(4096, ge=256, description="Context window that is allocated, in tokens.")
    threads: int = Field(
        0,
        ge=0,
        description="Threads; 0 is OMP_NUM_THREADS, else the setting `threads`, else one for each core that other programs "
        "leave free.",
    )
    repetition_penalty: float = Field(1.0, gt=0, le=5, description="Above 1 discourages repeated tokens.")

    def model_use(self) -> ModelUse:
        """Return the GGUF model."""
        return ModelUse(self.model, None, "generator")

    def window_limit(self) -> int:
        """Return `window`."""
        return self.window


class OpenAIGenerate(_Generate, AtEndpoint):
    """Any OpenAI-compatible endpoint."""

    likelihoods: ClassVar[bool | None] = False
    bounded_tokens: ClassVar[bool] = True
    extra: ClassVar[Extra | None] = Extra("openai", "openai")

    kind: Literal["openai"]
    model: Name = Field(description="The model's name at the endpoint.")
    window: int = Field(8192, ge=256, description="The model's context window, in tokens.")

    def window_limit(self) -> int:
        """Return `window`."""
        return self.window
