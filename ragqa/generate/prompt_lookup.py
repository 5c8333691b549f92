"""Drafts of what comes next, looked up in the tokens so far: answers copy their passages (Saxena 2023).

A draft costs little to check, since all its tokens are read in one pass, and changes nothing: a token stays only where
the model itself chooses it.
"""

from __future__ import annotations

from collections.abc import Sequence

MATCH = 3
"""How many last tokens must have occurred before."""
LONGEST = 7
"""Tokens of a draft: eight rows cost an integer kernel hardly more than one."""


class PromptLookupDrafter:
    """Finds where the last tokens occurred before, and what followed them there.

    :param tokens: of the prompt; those that are added follow them.
    """

    def __init__(self, tokens: Sequence[int]) -> None:
        self.tokens: list[int] = []
        self._ends: dict[tuple[int, ...], int] = {}
        """For each run of `MATCH` tokens, the position after its last occurrence."""
        self._before = 0
        """The position after the last occurrence but one of the last tokens; 0 where there is none."""
        for token in tokens:
            self.add(token)

    def add(self, token: int) -> None:
        """Take one more token."""
        # The draft begins after the run's occurrence before this one, so that is looked up before this one is noted.
        self.tokens.append(token)
        last = tuple(self.tokens[-MATCH:])
        self._before = self._ends.get(last, 0)
        self._ends[last] = len(self.tokens)

    def draft(self, longest: int = LONGEST) -> list[int]:
        """Return what may come next, by the latest occurrence; `[]` where the last tokens did not occur before."""
        return self.tokens[self._before : self._before + min(longest, LONGEST)] if self._before else []
