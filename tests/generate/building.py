"""Generators that are built alone, without a pipeline, and that may keep the log-probabilities of their tokens."""

from __future__ import annotations

from typing import Any

from ragqa.generate.causal_lm import CausalLM
from ragqa.generate.constraints import Unconstrained
from ragqa.generate.spans import SpanConstraint
from ragqa.stages import Generator


def build_generator(spec: Any, *, log_probabilities: bool = False) -> Generator:
    """Return the generator of a section `generate` of a built-in kind."""
    if spec.kind == "llama_cpp":
        from ragqa.generate.llama_cpp import LlamaCpp

        return LlamaCpp(spec)  # it always keeps them
    if spec.kind == "openai":
        from ragqa.generate.openai import OpenAIEndpoint

        return OpenAIEndpoint(spec, log_probabilities=log_probabilities)
    constraint = SpanConstraint() if spec.decode.kind == "span" else Unconstrained()
    return CausalLM(spec, constraint, log_probabilities=log_probabilities)
