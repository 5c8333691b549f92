"""Parts of messages: one line of bounded length, and the name that was probably meant."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field, ValidationError, field_validator

from ragqa.arguments import is_unicode
from ragqa.messages import brief, nearest, requirement


def test_an_error_is_told_on_one_line_that_is_never_empty() -> None:
    assert brief(ValueError("one\n  two\tthree")) == "one two three"
    assert brief(ValueError("x" * 500)) == "x" * 200 and brief(ValueError("x" * 500), 7) == "x" * 7
    assert brief(ValueError()) == brief(ValueError(" \n")) == "ValueError"


def test_the_nearest_name_is_one_that_is_near() -> None:
    valid = ["top_k", "depth", "weight"]
    assert nearest("topk", valid) == "top_k" and nearest("wieght", iter(valid)) == "weight"
    assert nearest("banana", valid) is None and nearest("topk", []) is None
    assert nearest("dep", valid) == "depth" and nearest("dep", valid, cutoff=0.9) is None


def test_a_requirement_does_not_repeat_the_value() -> None:
    class Form(BaseModel):
        count: int = Field(1, ge=1)
        name: str = ""

        @field_validator("name")
        @classmethod
        def _short(cls, value: str) -> str:
            if len(value) > 3:
                raise ValueError("must be short")
            return value

    with pytest.raises(ValidationError) as caught:
        Form.model_validate({"count": -4711, "name": "secret"})
    details = caught.value.errors(include_input=False)
    assert [requirement(detail) for detail in details] == ["must be greater than or equal to 1", "must be short"]


def test_half_of_a_surrogate_pair_is_no_unicode() -> None:
    assert is_unicode("") and is_unicode("é漢😀\0")
    assert not is_unicode("a\ud800") and not is_unicode(b"\xff.txt".decode("utf-8", "surrogateescape"))
