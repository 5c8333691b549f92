"""Drafts of the next tokens, looked up in the previous tokens, since answers often copy passages (Saxena 2023).

The check of a draft is cheap, since all its tokens are read in one pass. A draft does not change the answer: a token of
it is kept only if the model itself chooses it.
"""

from __future__ import annotations

from collections.abc import Sequence

MATCH = 3
"""The number of last tokens that must have occurred before."""
LONGEST = 7
"""The most tokens of a draft. For an integer kernel, eight rows cost hardly more than one."""


class PromptLookupDrafter:
    """Finds the previous occurrence of the last tokens, and drafts the tokens that followed it.

    :param tokens: the tokens of the prompt. Added tokens follow them.
    """

    def __init__(self, tokens: Sequence[int]) -> None:
        self.tokens: list[int] = []
        self._ends: dict[tuple[int, ...], int] = {}
        """For each run of `MATCH` tokens, the position after its last occurrence."""
        self._before = 0
        """The position after the previous occurrence of the last tokens; 0 if there is none."""
        for token in tokens:
            self.add(token)

    def add(self, token: int) -> None:
        """Append one token."""
        # The draft begins after the previous occurrence of the run, so look that up before this occurrence is recorded.
        self.tokens.append(token)
        last = tuple(self.tokens[-MATCH:])
        self._before = self._ends.get(last, 0)
        self._ends[last] = len(self.tokens)

    def draft(self, longest: int = LONGEST) -> list[int]:
        """Return the tokens after the latest previous occurrence; `[]` if the last tokens did not occur before."""
        return self.tokens[self._before : self._before + min(longest, LONGEST)] if self._before else []
