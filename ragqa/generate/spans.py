"""The span of the passages that is the best answer by a causal LM: decoding constrained to a trie of spans.

A small model that writes poor answers can still rank given ones well. All spans that begin at the most promising places
are scored in one pass; a span attends to the prompt and to itself only. A log-linear model, fitted on questions with
known answers, combines the log-probability of the span, that of the line's end after it, and the word overlap around
it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ragqa.generate.span_candidates import QuestionOverlap, SpanCandidate, boundaries
from ragqa.records import Generation
from ragqa.stages.decoding import DecodingRequest, Reading

MAX_STARTS = 16
"""The number of starts of spans that are scored. Half of them are the most likely by their first token; half are the
most likely by the first token and the overlap of the sentence with the question."""
MAX_TOKENS = 12
"""The longest span, in tokens."""

FEATURES = ("log_p", "log_end", "shared", "near", "repeated")
WEIGHTS = (0.66, 1.54, 8.15, 6.94, -4.59)
"""The weights of `FEATURES`, fitted on 200 questions of the tuning articles of SQuAD 1.1; `make fit-spans` repeats
it."""

BranchScores = tuple[list[float], list[float]]
"""Natural log-probabilities of each token of a branch, and of the answer's end after each token."""


class SpanConstraint:
    """A constraint to one span of a passage, the best by `WEIGHTS`.

    The confidence of the answer is its share of the probability of all candidates.
    """

    has_confidence = True
    stepwise = False

    def begin(self, request: DecodingRequest) -> SpanState:
        """Return an answer that is chosen after two passes: one over the prompt, one over all candidate spans."""
        return SpanState(request)


@dataclass(frozen=True, slots=True)
class _Branch:
    """A start of spans: its passage and offset, the tokens from there on, and the offset at which each token ends.

    The end is -1 if no span may end with the token.
    """

    passage: int
    start: int
    tokens: tuple[int, ...]
    ends: tuple[int, ...]


class SpanState:
    """An `AnswerState` whose answer is a span of the prompt's passages.

    `candidates` are the scored spans. Spans with the same text are one candidate, at their first place.
    """

    def __init__(self, request: DecodingRequest) -> None:
        prompt = request.prompt
        self._request = request
        self._passages = [hit.chunk.text for hit in prompt.passages]
        self._overlap = QuestionOverlap(prompt.text[slice(*prompt.question)], self._passages)
        longest = min(request.max_new_tokens, MAX_TOKENS)
        # 1. Tokenise the common prefix of prompts separately, so that all of it can be read once.
        beginning = prompt.text[: prompt.shared].rstrip()
        prefix = request.encode(beginning)
        self.shared_tokens = len(prefix)
        literal = [(start - len(beginning), end - len(beginning)) for start, end in prompt.literal]
        self.prompt_tokens = [*prefix, *request.encode(prompt.text[len(beginning) :], literal)]
        self.room = MAX_STARTS * longest
        # 2. List the starts of spans; without any, the answer is empty.
        space = "" if prompt.text[-1:].isspace() else " "
        self._branches = _branches(self._passages, request.tokenizer, space, longest)
        self.finish = "" if self._branches else "stop"
        self.candidates: list[SpanCandidate] = []
        self._first: Tensor | None = None
        self._best: tuple[SpanCandidate, float] | None = None
        self._sent = False

    def reading(self) -> Reading:
        """Return the chosen branches, in parallel after the prompt."""
        tokens = [token for branch in self._branches for token in branch.tokens]
        return Reading(tokens, len(self.prompt_tokens), tuple(len(branch.tokens) for branch in self._branches))

    def take(self, logits: Tensor) -> Iterator[None]:
        """Choose branches by the logits after the prompt.

        In the second call, choose the best span by the branches' logits.

        Yields once a span is chosen.
        """
        logprobs = torch.log_softmax(logits, dim=-1)
        if self._first is None:
            self._first = logprobs[-1]
            self._branches = _likeliest(self._branches, self._first, self._overlap)
            return
        scores = self._scores(self._first, logprobs)
        self.candidates = list(_candidates(self._branches, scores, self._passages))
        self._best = best(self.candidates, self._overlap) if self.candidates else None
        self.finish = "stop"
        yield

    def _scores(self, first: Tensor, logprobs: Tensor) -> list[BranchScores]:
        """Return the scores of each branch.

        :param first: log-probabilities of the token after the prompt, float32[vocabulary].
        :param logprobs: log-probabilities of the token after each token of all branches, float32[tokens, vocabulary].
        """
        # 1. Compute the log-probability that the answer ends after each token: by an end of text or of the line.
        ends = torch.tensor(sorted([*self._request.end_tokens, *self._request.line_end_tokens]), device=logprobs.device)
        log_ends = torch.logsumexp(logprobs[:, ends], dim=-1).tolist()
        # 2. Compute the log-probability of each token after the one before it. Between two branches it has no meaning.
        tokens = torch.tensor(self.reading().tokens, device=logprobs.device)
        following = logprobs[:-1].gather(1, tokens[1:, None])[:, 0].tolist()
        # 3. Split both into branches. The first token of each branch follows the prompt.
        scores, at = [], 0
        for branch in self._branches:
            n = len(branch.tokens)
            scores.append(([float(first[branch.tokens[0]]), *following[at : at + n - 1]], log_ends[at : at + n]))
            at += n
        return scores

    def piece(self) -> str:
        """Return the text of the span at the first call, then nothing."""
        if self._best is None or self._sent:
            return ""
        self._sent = True
        return self._best[0].text

    def generation(self) -> Generation:
        """Return the best span and its confidence; an empty text if there is none."""
        if self._best is None:
            return Generation("", 0, self.finish, confidence=0.0 if self.finish == "stop" else None)
        span, confidence = self._best
        return Generation(span.text, span.n_tokens, self.finish, confidence=confidence)


def _branches(passages: Sequence[str], tokenizer: Any, space: str, longest: int) -> list[_Branch]:
    """Return the branches with at least one possible end, each with the white space between the prompt and the span.

    The text of a document is never tokenised to control tokens. Starts with the same tokens are one branch.
    """
    branches: dict[tuple[int, ...], _Branch] = {}
    for number, passage in enumerate(passages):
        starts, ends = boundaries(passage)
        if not starts:
            continue
        encoded = tokenizer(
            [space + passage[start : start + 10 * MAX_TOKENS] for start in starts],
            add_special_tokens=False,
            split_special_tokens=True,
            return_offsets_mapping=True,
        )
        for start, ids, offsets in zip(starts, encoded["input_ids"], encoded["offset_mapping"], strict=True):
            tokens = tuple(ids[:longest])
            places = (start + end - len(space) for end in _token_ends(offsets)[:longest])
            span_ends = tuple(place if place in ends and place > start else -1 for place in places)
            if max(span_ends, default=-1) >= 0:
                branches.setdefault(tokens, _Branch(number, start, tokens, span_ends))
    return list(branches.values())


def _token_ends(offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Return the end of each token, in characters; -1 for a token that contains a part of a character."""
    next_starts = [start for start, _ in offsets[1:]]
    ends = [end if end <= following else -1 for (_, end), following in zip(offsets, next_starts, strict=False)]
    return ends + [end for _, end in offsets[-1:]]


def _likeliest(branches: Sequence[_Branch], first: Tensor, overlap: QuestionOverlap) -> list[_Branch]:
    """Return the branches to follow, at most `MAX_STARTS`."""
    # 1. Score each branch by its first token, and by that plus the overlap of its sentence with the question.
    weight = WEIGHTS[FEATURES.index("shared")] / WEIGHTS[FEATURES.index("log_p")]
    likely = {branch: float(first[branch.tokens[0]]) for branch in branches}
    promising = {branch: p + weight * overlap.shared(branch.passage, branch.start) for branch, p in likely.items()}
    # 2. Take the best half by each score; a branch that is in both counts once.
    half = MAX_STARTS // 2
    ranked = [sorted(branches, key=scores.__getitem__, reverse=True)[:half] for scores in (likely, promising)]
    return list(dict.fromkeys(ranked[0] + ranked[1]))


def _candidates(
    branches: Sequence[_Branch],
    scores: Sequence[BranchScores],
    passages: Sequence[str],
) -> Iterator[SpanCandidate]:
    """Yield a candidate for each possible end of each branch; equal texts once."""
    seen: set[str] = set()
    for branch, (tokens, ends) in zip(branches, scores, strict=True):
        log_p = 0.0
        for n, (end, token, log_end) in enumerate(zip(branch.ends, tokens, ends, strict=True), start=1):
            log_p += token
            text = passages[branch.passage][branch.start : end]
            if end < 0 or text in seen:
                continue
            seen.add(text)
            yield SpanCandidate(branch.passage, branch.start, end, text, n, log_p + log_end, log_end)


def features(span: SpanCandidate, overlap: QuestionOverlap) -> tuple[float, ...]:
    """Return the values of `FEATURES` for a span."""
    shared = overlap.shared(span.passage, span.start)
    near = overlap.near(span.passage, span.start, span.end)
    return span.log_p, span.log_end, shared, near, overlap.repeated(span.text)


def best(candidates: Sequence[SpanCandidate], overlap: QuestionOverlap) -> tuple[SpanCandidate, float]:
    """Return the best candidate, and its share of the probability of all candidates.

    :raises ValueError: there are no candidates.
    """
    scores = [sum(w * x for w, x in zip(WEIGHTS, features(span, overlap), strict=True)) for span in candidates]
    top = max(range(len(scores)), key=scores.__getitem__)
    return candidates[top], 1 / sum(math.exp(score - scores[top]) for score in scores)
