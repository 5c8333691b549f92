from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from ragqa.errors import ModelError, UsageError
from ragqa.pipeline import Pipeline
from ragqa.serve.mcp_stdio import Background, Front


class Noted:
    """A pipeline and a front that note what is done with them, in order."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.done = list[str]()
        self._fault = fault

    def load_models(self, *, answers: bool = True) -> None:
        self.done.append("all loaded" if answers else "retrieval loaded")
        if self._fault:
            raise self._fault

    @contextmanager
    def keep_warm(self) -> Iterator[None]:
        self.done.append("warm")
        yield
        self.done.append("let go")

    def open(self) -> None:
        self.done.append("open")

    def close(self) -> None:
        self.done.append("close")


def started(noted: Noted, build: Callable[[], Any]) -> Background:
    return Background(build, cast(Front, noted))


def until(true: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not true() and time.monotonic() < limit:
        time.sleep(0.005)
    assert true()


def test_what_searches_need_is_loaded_first_and_all_is_let_go_at_the_end() -> None:
    noted = Noted()
    background = started(noted, lambda: noted)
    with background.pipeline() as pipeline:
        assert cast(object, pipeline) is noted
    until(lambda: noted.done[-1] == "warm")
    background.close()
    assert noted.done == ["open", "retrieval loaded", "warm", "let go"]


def test_nothing_else_is_loaded_while_a_search_is_under_way() -> None:
    noted, made = Noted(), list[Background]()

    def build() -> Pipeline:
        until(lambda: bool(made) and made[0]._uses == 1)  # a search waits before there is a pipeline
        return cast(Pipeline, noted)

    made.append(started(noted, build))
    with made[0].pipeline():
        time.sleep(0.1)
        assert noted.done == ["open", "retrieval loaded"]
    until(lambda: noted.done[-1] == "warm")
    made[0].close()


def test_the_end_of_the_input_before_all_is_loaded_loads_no_more() -> None:
    noted, made = Noted(), list[Background]()

    def build() -> Pipeline:
        until(lambda: bool(made) and made[0]._closing)
        return cast(Pipeline, noted)

    made.append(started(noted, build))
    made[0].close()
    assert noted.done == ["open", "retrieval loaded"]


def test_a_model_that_is_missing_leaves_the_server_up_and_a_tool_tells_it() -> None:
    noted = Noted(ModelError("no such model"))
    background = started(noted, lambda: noted)
    with background.pipeline() as pipeline, pytest.raises(ModelError, match="no such model"):
        pipeline.load_models(answers=False)
    background.close()


def test_a_pipeline_that_cannot_be_built_ends_the_input_and_is_raised_at_the_end() -> None:
    def build() -> Pipeline:
        raise UsageError("the file has mistakes")

    noted = Noted()
    background = started(noted, build)
    with pytest.raises(UsageError, match="the file has mistakes"), background.pipeline():
        pytest.fail("there is no pipeline")
    until(lambda: noted.done[-1] == "close")
    with pytest.raises(UsageError, match="the file has mistakes"):
        background.close()
