"""The queue takes turns; lanes and errors do what the server promises, without a socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from ragqa import errors
from ragqa.records import Passages
from ragqa.serve.errors import from_exception
from ragqa.serve.fair_queue import FairQueue, FullError
from ragqa.serve.lanes import Answering, _Question
from ragqa.serve.replies import ClientGone, until_gone


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


@pytest.mark.parametrize("turns", range(-4, 5))
def test_a_client_that_leaves_as_an_event_comes_is_noticed(turns: int) -> None:
    """The event comes so many turns of the loop before the client leaves, or after it."""

    async def leave() -> None:
        asked = _Question("", (), time.monotonic() + 60, asyncio.get_running_loop())
        left = asyncio.Event()

        async def receive() -> Any:
            await left.wait()
            return {"type": "http.disconnect"}

        waiting = asyncio.ensure_future(until_gone(Answering(asked, FairQueue(1, 1)).answer(), receive))
        await asyncio.sleep(0.01)  # it waits
        happenings: list[Callable[[], None]] = [lambda: asked.events.put_nowait(Passages(())), left.set]
        for each in happenings if turns > 0 else reversed(happenings):
            each()
            for _ in range(abs(turns)):
                await asyncio.sleep(0)
        done, _ = await asyncio.wait([waiting], timeout=5)
        assert done, "the client has left, and its answer is still waited for"
        with pytest.raises(ClientGone):
            waiting.result()

    asyncio.run(leave())


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
