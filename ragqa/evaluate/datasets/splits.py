"""Questions -> those to choose by and those to report: splits that the questions name, or two drawn by a seed.

select    the questions of one split
split     two splits that share no question: one to tune on, one to test the winner on
"""

from __future__ import annotations

import hashlib
import random
import shlex
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ragqa.config import nearest
from ragqa.errors import UsageError
from ragqa.evaluate.dataset import Question

SAMPLE_SEED = 20240229
SPLITS = (("tune", "report"), ("dev", "test"), ("train", "test"))
"""What to tune and to test on where nothing is named: the first pair that a dataset has."""
DEFAULT_SEED = 0
"""What draws the halves of a dataset that has no two splits."""


@dataclass(frozen=True, slots=True)
class Split:
    """Questions to tune on, and others to test the winner on.

    `shared` are the groups and documents with questions in both; `seed` is what drew the halves, None where the questions
    name their splits.
    """

    tune: tuple[Question, ...]
    test: tuple[Question, ...]
    names: tuple[str, str]
    shared: tuple[str, ...]
    seed: int | None = None

    @property
    def notes(self) -> list[str]:
        """Return sentences that name the questions to tune and to test on."""
        tuned, tested = (f"{len(part)} questions in {_groups(part)}" for part in (self.tune, self.test))
        if self.seed is None:
            notes = [f"tuning on split {self.names[0]!r}: {tuned}; testing on split {self.names[1]!r}: {tested}"]
        else:
            notes = [f"split by seed {self.seed}: tuning on {tuned}; testing on {tested}; --seed draws other halves"]
        if self.shared:
            both = f"documents with questions in both splits: {len(self.shared)}, such as {self.shared[0]!r}"
            notes.append(f"{both}; the test is of new questions, not of new documents")
        return notes


def select(
    questions: Sequence[Question], split: str | None = None, limit: int | None = None, sample: int | None = None
) -> list[Question]:
    """Return the questions of a split, or all: the first `limit` of them, or `sample` of them drawn with a fixed seed.

    Questions keep their order. A smaller sample is part of a larger one.

    :raises UsageError: no question is of that split.
    """
    chosen = [question for question in questions if split is None or question.split == split]
    if not chosen:
        raise UsageError(f"no question has split {split!r}; {_which(questions, split)}")
    if sample is not None:
        drawn = random.Random(SAMPLE_SEED).sample(range(len(chosen)), len(chosen))[:sample]
        chosen = [chosen[place] for place in sorted(drawn)]
    return chosen[:limit]


def split(
    questions: Sequence[Question],
    tune: str | None = None,
    test: str | None = None,
    limit: int | None = None,
    sample: int | None = None,
    seed: int | None = None,
) -> Split:
    """Return the questions of two splits, of each what `select` takes.

    Splits that are not named are the usual ones (see `SPLITS`), or the only other one where one is named. Questions that
    all have one split, or none, are halved by `seed`, or by `DEFAULT_SEED`; any are where a seed is given.

    :raises UsageError: a split is not there or has to be named, a question is in both, a seed with names, or a single
        question, which has no halves.
    """
    if seed is not None and not (tune is None and test is None):
        raise UsageError("--seed splits all questions: leave it out, or --tune-split and --test-split")
    if seed is None and tune is None and test is None and len({question.split for question in questions}) == 1:
        seed = DEFAULT_SEED
    if seed is not None:
        halves, names = _halves(questions, seed), SPLITS[0]
    else:
        names = _named(_counts(questions), tune, test, len(questions))
        halves = (select(questions, names[0]), select(questions, names[1]))
    parts = tuple(select(halves[0], None, limit, sample)), tuple(select(halves[1], None, limit, sample))
    if both := {question.id for question in parts[0]} & {question.id for question in parts[1]}:
        raise UsageError(
            f"{len(both)} questions are in split {names[0]!r} and in {names[1]!r}, such as {min(both)!r}: "
            "a winner must be tested on questions that it was not chosen by; name disjoint splits"
        )
    documents = [{name for question in part for name in _documents(question)} for part in parts]
    return Split(*parts, names, tuple(sorted(documents[0] & documents[1])), seed)


def _named(there: Mapping[str, int], tune: str | None, test: str | None, n: int) -> tuple[str, str]:
    """Return the names of both splits, of which any that is given is taken as it is."""
    if tune is None and test is None:
        tune, test = next((pair for pair in SPLITS if {*pair} <= {*there}), (None, None))
    elif test is None:
        test = _partner(there, str(tune), 0)
    elif tune is None:
        tune = _partner(there, test, 1)
    if tune is not None and test is not None:
        return tune, test
    raise UsageError(
        f"no pair of splits to tune and to test on; the questions have: {_listed(there, n)}; {_advice(list(there))}"
    )


def _partner(there: Collection[str], named: str, side: int) -> str | None:
    """Return the split that goes with one that is named: the usual one, else the only one that it can be.

    :param side: 0 where the split that is named is tuned on, 1 where it is tested on.
    """
    others = {*there} - {named}
    usual = [pair[1 - side] for pair in SPLITS if pair[side] == named and pair[1 - side] in others]
    for names in (usual[:1], others & {pair[1 - side] for pair in SPLITS}, others):
        if len(names) == 1:
            return next(iter(names))
    return None


def _halves(questions: Sequence[Question], seed: int) -> tuple[list[Question], list[Question]]:
    """Return two halves with whole documents, or of single questions where all are about one document.

    Documents go in pairs, in the order of their first questions: the seed tosses which of two is tuned on. So questions
    that are added at the end move none of those before, and every machine draws the same.
    """
    halves = _assign([_documents(question) for question in questions], seed)
    if len({*halves}) < 2:
        halves = _assign([(question.id,) for question in questions], seed)
    if len({*halves}) < 2:
        raise UsageError(f"{len(questions)} question cannot be split in two: add questions")
    first, second = (
        [question for question, half in zip(questions, halves, strict=True) if half == side] for side in (0, 1)
    )
    return first, second


def _assign(names: Sequence[tuple[str, ...]], seed: int) -> list[int]:
    """Return 0 or 1 for each question: as what it is about where that is known, else the next of a pair."""
    sides: dict[str, int] = {}
    found: list[int] = []
    waiting: int | None = None  # the side of the second of a pair
    for about in names:
        side = next((sides[name] for name in about if name in sides), None)
        if side is None:
            side = _toss(seed, about[0]) if waiting is None else waiting
            waiting = 1 - side if waiting is None else None
        sides |= {name: side for name in about if name not in sides}
        found.append(side)
    return found


def _toss(seed: int, name: str) -> int:
    return hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogatepass")).digest()[0] & 1


def _documents(question: Question) -> tuple[str, ...]:
    """Return what a question is about: its group, and the documents that it names."""
    relevant = (unit.partition("#page=")[0] for unit in question.relevant)
    return tuple(dict.fromkeys([question.group, *(evidence.source for evidence in question.evidence), *relevant]))


def _groups(part: Sequence[Question]) -> str:
    n = len({question.group for question in part})
    return f"{n} {'group' if n == 1 else 'groups'} by document"


def _counts(questions: Sequence[Question]) -> dict[str, int]:
    return dict(sorted(Counter(question.split for question in questions if question.split is not None).items()))


def _which(questions: Sequence[Question], split: str | None) -> str:
    there = _counts(questions)
    if not there:
        return "none of them has a split: leave the name out (`ragqa tune` then splits them by document)"
    near = nearest(str(split), list(there))
    return f"{near}there are: {_listed(there, len(questions))}"


def _listed(there: Mapping[str, int], n: int) -> str:
    """Return the splits with their numbers of questions; those without a split come last."""
    listed = [f"{name} ({count})" for name, count in there.items()]
    if rest := n - sum(there.values()):
        listed.append(f"without a split ({rest})" if there else "no splits")
    return ", ".join(listed)


def _advice(names: Sequence[str]) -> str:
    by_seed = f"--seed {DEFAULT_SEED}, which splits all of them by document"
    if len(names) < 2:
        return f"give {by_seed}"
    first, second = map(shlex.quote, names[:2])
    return f"name two, such as --tune-split {first} --test-split {second}, or give {by_seed}"
