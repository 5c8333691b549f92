"""The span of the passages that a causal LM finds likeliest as the answer: decoding constrained to a trie of spans.

A model too small to write a good answer still knows a good one when it reads it. All spans that begin at the most
promising places are scored in one pass, each seeing the prompt and itself alone. A log-linear model, fitted on questions
with known answers, weighs how likely the span is, and that the line ends after it, with what the words around it say.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ragqa import stopping
from ragqa.generate.candidates import Candidate, Evidence, boundaries
from ragqa.generate.deadline import DeadlinePassed
from ragqa.generate.engines import Engine
from ragqa.generate.prefix import PrefixCache
from ragqa.records import Generation, Prompt

MAX_STARTS = 16
"""How many places at which a span may start are followed: half of them the likeliest by their first token, half the
likeliest when what their sentence shares with the question counts too."""
MAX_TOKENS = 12
"""The longest span, in tokens."""

FEATURES = ("log_p", "log_end", "shared", "near", "repeated")
WEIGHTS = (0.66, 1.54, 8.15, 6.94, -4.59)
"""Of `FEATURES`, fitted on 200 questions of the tuning articles of SQuAD 1.1; `make fit-spans` fits them again."""


def features(candidate: Candidate, evidence: Evidence) -> tuple[float, ...]:
    """Return the values of `FEATURES` for a candidate."""
    passage, start, end = candidate.passage, candidate.start, candidate.end
    shared, near = evidence.shared(passage, start), evidence.near(passage, start, end)
    return candidate.log_p, candidate.log_end, shared, near, evidence.repeated(candidate.text)


@dataclass(frozen=True, slots=True)
class _Branch:
    """A start of spans: its place, and the tokens from there on with the offsets at which each ends."""

    passage: int
    start: int
    tokens: tuple[int, ...]
    ends: tuple[int, ...]


class SpanReader:
    """Scores the spans of a prompt's passages by a causal LM.

    :param ends: tokens that end an answer.
    :param longest: most tokens of an answer; `MAX_TOKENS` where that is less.
    :param seconds: how long an answer may take; it is looked at before each pass of the model.
    """

    def __init__(
        self, model: Engine, tokenizer: Any, ends: Sequence[int], longest: int = MAX_TOKENS, seconds: float = math.inf
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._ends = torch.tensor(sorted(ends), device=model.device)
        self._longest = min(longest, MAX_TOKENS)
        self._seconds = seconds
        self._deadline = math.inf
        self._prefixes = PrefixCache(model)

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        """Yield the best span of a prompt's passages and, last, the `Generation`; its text is empty where there is none.

        Its confidence is the span's share of the probability of all candidates.
        """
        start, end = prompt.question
        try:
            candidates = self.candidates(prompt, time.monotonic() + self._seconds)
        except DeadlinePassed:
            yield Generation("", 0, "deadline")
            return
        evidence = Evidence(prompt.text[start:end], [hit.chunk.text for hit in prompt.passages])
        if not candidates:
            yield Generation("", 0, "stop", confidence=0.0)
            return
        found, confidence = best(candidates, evidence)
        yield found.text
        yield Generation(found.text, found.n_tokens, "stop", confidence=confidence)

    @torch.inference_mode()
    def candidates(self, prompt: Prompt, deadline: float = math.inf) -> list[Candidate]:
        """Return the spans of the passages that may answer a prompt's question; `[]` where there is none.

        Spans of the same text count once, at their first place.

        :param deadline: as `time.monotonic` counts.
        :raises DeadlinePassed: it passed before the last pass of the model began.
        """
        self._deadline = deadline
        passages = [hit.chunk.text for hit in prompt.passages]
        branches = self._branches(passages, "" if prompt.text[-1:].isspace() else " ")
        if not branches:
            return []
        start, end = prompt.question
        shared = prompt.text[: prompt.shared].rstrip()
        prefix, rest = self._ids(shared), self._ids(prompt.text[len(shared) :])
        followed = MAX_STARTS * self._longest
        with self._prefixes.begun([*prefix, *rest], len(prefix), followed) as (cache, left):
            first = self._read(left, cache)
            branches = _likeliest(branches, first, Evidence(prompt.text[start:end], passages))
            scores = self._scores(branches, first, cache)
        return list(_candidates(branches, scores, passages))

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _read(self, ids: list[int], cache: Any) -> Any:
        """Read tokens into the cache; return the log-probabilities of the token after them, float32[vocabulary]."""
        self._look_at_the_time()
        tokens = torch.tensor([ids], device=self._model.device)
        return torch.log_softmax(self._model(tokens, cache, keep=1)[0, -1].float(), dim=-1)

    def _look_at_the_time(self) -> None:
        stopping.check()
        if time.monotonic() > self._deadline:
            raise DeadlinePassed

    def _branches(self, passages: Sequence[str], space: str) -> list[_Branch]:
        """Return the starts from which a span can end, each with the white space that parts it from the prompt.

        A token that holds a part of a character ends no span, and a document's text makes no control token.
        """
        found: dict[tuple[int, ...], _Branch] = {}
        for number, passage in enumerate(passages):
            starts, ends = boundaries(passage)
            if not starts:
                continue
            encoded = self._tokenizer(
                [space + passage[start : start + 10 * MAX_TOKENS] for start in starts],
                add_special_tokens=False,
                split_special_tokens=True,
                return_offsets_mapping=True,
            )
            for start, ids, offsets in zip(starts, encoded["input_ids"], encoded["offset_mapping"], strict=True):
                following = [first for first, _ in offsets[1:]] + [10**9]
                places = [
                    start + last - len(space) if last <= then else -1
                    for (_, last), then in zip(offsets, following, strict=True)
                ][: self._longest]
                tokens = tuple(ids[: self._longest])
                kept = tuple(place if place in ends and place > start else -1 for place in places)
                if max(kept, default=-1) >= 0:
                    found.setdefault(tokens, _Branch(number, start, tokens, kept))
        return list(found.values())

    def _scores(self, branches: Sequence[_Branch], first: Any, cache: Any) -> list[tuple[list[float], list[float]]]:
        """Return for each branch the log-probability of each of its tokens, and of ending after it.

        The branches stand in one row; each token sees what was read before and its own branch up to itself.
        """
        self._look_at_the_time()
        before = cache.length
        sizes = torch.tensor([len(branch.tokens) for branch in branches])
        own = torch.repeat_interleave(torch.arange(len(branches)), sizes)
        place = torch.cat([torch.arange(size) for size in sizes])
        order = torch.arange(len(own))
        sees = (own[:, None] == own[None, :]) & (order[None, :] <= order[:, None])
        mask = torch.cat([torch.ones(len(own), before, dtype=torch.bool), sees], dim=1)
        tokens = torch.tensor([[token for branch in branches for token in branch.tokens]])
        device = self._model.device
        positions = (before + place).to(device)
        logits = self._model(tokens.to(device), cache, mask=mask.to(device), positions=positions)
        logprobs = torch.log_softmax(logits[0].float(), dim=-1)
        ends = torch.logsumexp(logprobs[:, self._ends], dim=-1).tolist()
        following = logprobs[:-1].gather(1, tokens[0, 1:, None].to(device))[:, 0].tolist()
        scores, at = [], 0
        for branch in branches:
            n = len(branch.tokens)
            scores.append(([float(first[branch.tokens[0]]), *following[at : at + n - 1]], ends[at : at + n]))
            at += n
        return scores


def _likeliest(branches: Sequence[_Branch], first: Any, evidence: Evidence) -> list[_Branch]:
    """Return the branches to follow, at most `MAX_STARTS`."""
    weight = WEIGHTS[FEATURES.index("shared")] / WEIGHTS[FEATURES.index("log_p")]
    likely = {branch: float(first[branch.tokens[0]]) for branch in branches}
    promising = {branch: p + weight * evidence.shared(branch.passage, branch.start) for branch, p in likely.items()}
    half = MAX_STARTS // 2
    ranked = [sorted(branches, key=scores.__getitem__, reverse=True)[:half] for scores in (likely, promising)]
    return list(dict.fromkeys(ranked[0] + ranked[1]))


def _candidates(
    branches: Sequence[_Branch],
    scores: Sequence[tuple[list[float], list[float]]],
    passages: Sequence[str],
) -> Iterator[Candidate]:
    """Yield a candidate for each place at which a span of a branch may end; equal texts once."""
    seen: set[str] = set()
    for branch, (tokens, ends) in zip(branches, scores, strict=True):
        log_p = 0.0
        for n, (end, token, log_end) in enumerate(zip(branch.ends, tokens, ends, strict=True), start=1):
            log_p += token
            text = passages[branch.passage][branch.start : end]
            if end < 0 or text in seen:
                continue
            seen.add(text)
            yield Candidate(branch.passage, branch.start, end, text, n, log_p + log_end, log_end)


def best(candidates: Sequence[Candidate], evidence: Evidence) -> tuple[Candidate, float]:
    """Return the best of some candidates, and its share of the probability among all of them.

    :raises ValueError: there are no candidates.
    """
    scores = [sum(w * x for w, x in zip(WEIGHTS, features(one, evidence), strict=True)) for one in candidates]
    top = max(range(len(scores)), key=scores.__getitem__)
    return candidates[top], 1 / sum(math.exp(score - scores[top]) for score in scores)
