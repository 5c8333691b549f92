"""The queue takes turns; lanes and errors do what the server promises, without a socket."""

from __future__ import annotations

from typing import Any

import pytest

from ragqa import errors
from ragqa.serve.errors import from_exception
from ragqa.serve.fair_queue import FairQueue, FullError


def filled(*items: str, most: int = 100, most_each: int = 100) -> FairQueue[str]:
    """Return a queue; the first letter of an item is its user."""
    queue: FairQueue[str] = FairQueue(most, most_each)
    for item in items:
        queue.put(item[0], item)
    return queue


def test_users_take_turns_and_the_items_of_one_stay_in_order() -> None:
    queue = filled("a1", "a2", "a3", "b1", "c1", "c2")
    assert [queue.take()[0] for _ in range(6)] == ["a1", "b1", "c1", "a2", "c2", "a3"]


def test_the_place_of_an_item_is_the_number_taken_before_it() -> None:
    items = ["a1", "a2", "a3", "b1", "c1", "c2"]
    queue = filled(*items)
    places = {item: queue.ahead(item) for item in items}
    order = [queue.take()[0] for _ in items]
    assert places == {item: order.index(item) for item in items}
    assert queue.ahead("a1") is None


def test_several_items_of_one_kind_are_taken_together() -> None:
    queue = filled("a1", "b2", "a1'", "c1", "b1")
    kind: Any = lambda item: item[1]  # noqa: E731
    assert queue.take(3, kind) == ["a1", "c1", "a1'"]
    assert queue.take(3, kind) == ["b2"]
    assert queue.take(3, kind) == ["b1"]


def test_a_full_queue_says_how_many_turns_pass_before_there_is_a_place() -> None:
    queue = filled("a1", "b1", "c1", most=4, most_each=1)
    with pytest.raises(FullError) as full:
        queue.put("a", "a2")
    assert full.value.rounds == 3
    queue.put("d", "d1")
    with pytest.raises(FullError):
        queue.put("e", "e1")
    queue.drop("a1")
    queue.put("e", "e1")
    assert len(queue) == 4


def test_a_closed_queue_gives_what_it_has_and_then_nothing() -> None:
    queue = filled("a1")
    queue.close()
    assert (queue.take(), queue.take()) == (["a1"], [])


def test_each_error_of_the_package_has_a_status_and_none_tells_its_message() -> None:
    statuses = {
        errors.UsageError: 422,
        errors.NothingUsableError: 503,
        errors.IndexCorruptError: 503,
        errors.LockedError: 503,
        errors.ResourceError: 503,
        errors.ModelError: 503,
        errors.RefusedError: 403,
        errors.RagqaError: 500,
        RuntimeError: 500,
    }
    for kind, status in statuses.items():
        told = from_exception(kind("/home/alice/secret"), "id-7")
        assert told.status == status and "alice" not in told.message
    assert "id-7" in from_exception(RuntimeError("x"), "id-7").message
