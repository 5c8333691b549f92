"""Prompt -> text. Knows models and prompts; knows neither documents nor the index."""

from __future__ import annotations

from ragqa.config.generators import CausalLMGenerate, LlamaCppGenerate, OpenAIGenerate
from ragqa.stages import Generator

__all__ = ["build_generator"]


def build_generator(
    spec: CausalLMGenerate | LlamaCppGenerate | OpenAIGenerate, *, log_probabilities: bool = False
) -> Generator:
    """Return the generator that a section names; its library is imported now, its weights are loaded when needed.

    :param log_probabilities: keep each generated token's log-probability in `Generation.logprobs`.
    :raises ModelError: the model is not here, or the extra that runs it is not installed.
    """
    if isinstance(spec, LlamaCppGenerate):
        from ragqa.generate.llama_cpp import LlamaCpp

        return LlamaCpp(spec, log_probabilities=log_probabilities)
    if isinstance(spec, OpenAIGenerate):
        from ragqa.generate.openai import OpenAIEndpoint

        return OpenAIEndpoint(spec, log_probabilities=log_probabilities)
    from ragqa.generate.causal_lm import CausalLM
    from ragqa.generate.constraints import CONSTRAINTS

    return CausalLM(spec, CONSTRAINTS[spec.decode](), log_probabilities=log_probabilities)
