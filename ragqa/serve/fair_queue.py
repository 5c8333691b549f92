"""A bounded queue that takes turns between users, so that one with many requests does not hold up another."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


class FullError(Exception):
    """There is no place: for anybody, or for this user.

    :param rounds: the number of items that are taken before a place is free.
    """

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        super().__init__(f"no place for {rounds} rounds")


class FairQueue(Generic[Item]):
    """Items by user. Users take turns, and the items of one user stay in order. Any thread may call any method.

    :param most: the most items that wait.
    :param most_each: the most of one user.
    """

    def __init__(self, most: int, most_each: int) -> None:
        self._most, self._most_each = most, most_each
        self._waiting: OrderedDict[str, deque[Item]] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        with self._changed:
            return self._count()

    def put(self, who: str, item: Item) -> None:
        """Add an item at the end of a user's.

        :raises FullError: there is no place.
        """
        with self._changed:
            own = len(self._waiting.get(who, ()))
            if own >= self._most_each or self._count() >= self._most:
                raise FullError(len(self._waiting) if own else 1)
            self._waiting.setdefault(who, deque()).append(item)
            self._changed.notify()

    def take(self, most: int = 1, kind: Callable[[Item], Any] = lambda item: None) -> list[Item]:
        """Return the next items, up to `most` of the same kind; wait where there is none. Empty after `close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            taken: list[Item] = []
            skipped = 0
            while self._waiting and len(taken) < most and skipped < len(self._waiting):
                who, items = next(iter(self._waiting.items()))
                if taken and kind(items[0]) != kind(taken[0]):
                    self._waiting.move_to_end(who)
                    skipped += 1
                    continue
                taken.append(items.popleft())
                skipped = 0
                if items:
                    self._waiting.move_to_end(who)
                else:
                    del self._waiting[who]
            return taken

    def ahead(self, item: Item) -> int | None:
        """Return how many items will be taken before this one; None where it does not wait."""
        with self._changed:
            rows = list(self._waiting.values())
            for turn, items in enumerate(rows):
                if item in items:
                    place = items.index(item)
                    return sum(min(len(other), place + (i < turn)) for i, other in enumerate(rows) if i != turn) + place
        return None

    def drop(self, item: Item) -> None:
        """Remove an item, where it still waits."""
        with self._changed:
            for who, items in self._waiting.items():
                if item in items:
                    items.remove(item)
                    if not items:
                        del self._waiting[who]
                    return

    def close(self) -> None:
        """Let `take` return without an item once none is left."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _count(self) -> int:
        return sum(map(len, self._waiting.values()))
