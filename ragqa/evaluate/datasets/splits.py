"""Questions -> the split to tune on and the split to report: named by the questions, or drawn by a seed.

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
"""The default pairs of splits to tune on and to test on; the first pair that a dataset has is used."""
DEFAULT_SEED = 0
"""The seed that draws the halves of a dataset without two splits."""


@dataclass(frozen=True, slots=True)
class Split:
    """Questions to tune on, and others to test the winner on.

    `shared` has the groups and documents with questions in both splits. `seed` is the seed that drew the halves; None
    where the questions name their splits.
    """

    tune: tuple[Question, ...]
    test: tuple[Question, ...]
    names: tuple[str, str]
    shared: tuple[str, ...]
    seed: int | None = None

    @property
    def notes(self) -> list[str]:
        """Return notes that describe the questions to tune on and to test on."""
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
    """Return the questions of two splits, with `limit` and `sample` applied to each as by `select`.

    Splits that are not named are the default ones (see `SPLITS`); where one is named, the only other one. Where a seed
    is given, all questions are halved by it; where they all have the same split, or none, by `DEFAULT_SEED`.

    :raises UsageError: a split does not exist or must be named, a question is in both, a seed is given with names, or
        there is a single question, which cannot be halved.
    """
    # 1. Decide between halves by a seed and named splits.
    if seed is not None and not (tune is None and test is None):
        raise UsageError("--seed splits all questions: leave it out, or --tune-split and --test-split")
    if seed is None and tune is None and test is None and len({question.split for question in questions}) == 1:
        seed = DEFAULT_SEED
    if seed is not None:
        halves, names = _halves(questions, seed), SPLITS[0]
    else:
        names = _named(_counts(questions), tune, test, len(questions))
        halves = (select(questions, names[0]), select(questions, names[1]))
    # 2. Apply the limit or the sample to each.
    parts = tuple(select(halves[0], None, limit, sample)), tuple(select(halves[1], None, limit, sample))
    # 3. Check that no question is in both, and find the shared documents.
    if both := {question.id for question in parts[0]} & {question.id for question in parts[1]}:
        raise UsageError(
            f"{len(both)} questions are in split {names[0]!r} and in {names[1]!r}, such as {min(both)!r}: "
            "a winner must be tested on questions that it was not chosen by; name disjoint splits"
        )
    documents = [{name for question in part for name in _documents(question)} for part in parts]
    return Split(*parts, names, tuple(sorted(documents[0] & documents[1])), seed)


def _named(there: Mapping[str, int], tune: str | None, test: str | None, n: int) -> tuple[str, str]:
    """Return the names of both splits; a given name is used unchanged."""
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
    """Return the other split of a pair, where one is named: the default one, else the only possible one, or None.

    :param side: 0 where the named split is tuned on, 1 where it is tested on.
    """
    others = {*there} - {named}
    usual = [pair[1 - side] for pair in SPLITS if pair[side] == named and pair[1 - side] in others]
    for names in (usual[:1], others & {pair[1 - side] for pair in SPLITS}, others):
        if len(names) == 1:
            return next(iter(names))
    return None


def _halves(questions: Sequence[Question], seed: int) -> tuple[list[Question], list[Question]]:
    """Return two halves of whole documents, or of single questions where all are about one document.

    Documents form pairs in the order of their first questions; the seed decides which of the two is tuned on. So new
    questions at the end do not move earlier ones, and the result is the same on every machine.
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
    """Return the half, 0 or 1, of each question: that of its documents where one is assigned, else the next of a pair.

    :param names: for each question, its group and documents.
    """
    sides: dict[str, int] = {}
    found: list[int] = []
    waiting: int | None = None  # the half of the second document of a pair
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
    """Return the group of a question and the documents that it names, without duplicates."""
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
    """Return the splits as text with their numbers of questions; questions without a split come last."""
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
