"""The kind of the section `serve`: frozen data, no library of HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from ragqa.config.base import Conflict, Name, PathRule
from ragqa.config.slots import Extra, ServeSpec
from ragqa.origins import origin

SERVE = Extra("serve", "starlette")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")


def _host_name(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError("must be the name of a host without a port, such as localhost, docs.example.org or [::1]")
    return value.lower()


def _origin(value: str) -> str:
    try:
        normal = origin(value)
    except ValueError as error:
        raise ValueError(f"must be an origin such as https://docs.example.org: the address {error}") from None
    return normal


class HttpServe(ServeSpec):
    """Answer questions over HTTP: `ragqa serve FILE`. See docs/serving.md."""

    extra: ClassVar[Extra] = SERVE

    kind: Literal["http"]
    host: Name = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="The port to listen on; 0 takes a free one.")
    tokens: Annotated[Name | None, PathRule(exists=True, content=False)] = Field(
        None,
        description="A file with a line `NAME SCOPE SHA256` for each token, which `ragqa serve token` makes; default: one random token for this run.",
    )
    hosts: list[Annotated[str, AfterValidator(_host_name)]] = Field(
        ["localhost", "127.0.0.1", "[::1]"],
        min_length=1,
        description="The names by which clients may call this server (the header `Host`, without its port).",
    )
    origins: list[Annotated[str, AfterValidator(_origin)]] = Field(
        [], description="Web pages of other origins that may call this server, such as https://docs.example.org."
    )
    waiting: int = Field(32, ge=1, le=10_000, description="Most questions that wait; the next one gets 429.")
    waiting_per_token: int = Field(4, ge=1, le=10_000, description="Most questions of one token that wait.")
    per_minute: int = Field(60, ge=1, le=1_000_000, description="Most questions of one token in a minute.")
    deadline: float = Field(
        120,
        gt=0,
        le=3600,
        description="Most seconds for an answer, the wait included; then it ends with what is written.",
    )
    body_bytes: int = Field(1_048_576, ge=1024, le=64 << 20, description="Most bytes of the body of a request.")
    connections: int = Field(256, ge=1, le=10_000, description="Most connections at a time.")
    head_seconds: float = Field(10, gt=0, le=600, description="Most seconds in which the head of a request comes in.")
    body_seconds: float = Field(10, gt=0, le=600, description="Most seconds in which the body of a request comes in.")
    send_seconds: float = Field(30, gt=0, le=600, description="A client that reads nothing for so long is cut off.")
    page: bool = Field(True, description="Whether a page for people is at `/`; `--no-page` leaves it out.")
    conversations: Annotated[Name | None, PathRule(content=False)] = Field(
        None, description="A file that keeps the conversations of the page, each for its token; default: none are kept."
    )
    feedback: Annotated[Name | None, PathRule(content=False)] = Field(
        None,
        description="A questions.jsonl file to which the verdicts and corrections of the page are added; default: none are kept.",
    )
    refusal: Name = Field("I do not know.", description="What clients of OpenAI's interface get in place of an answer.")
    model_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,100}$")] = Field(
        "ragqa", description="The name of the model for clients of OpenAI's interface."
    )

    def conflicts(self) -> Iterator[Conflict]:
        """Yield the conflict of a token that may have more questions waiting than all tokens together."""
        if self.waiting_per_token > self.waiting:
            message = f"waiting_per_token {self.waiting_per_token} must not be above waiting {self.waiting}"
            yield Conflict(("waiting_per_token", "waiting"), message)
