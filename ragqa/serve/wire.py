"""The bodies of requests, which are checked strictly, and the records in replies, without paths of this machine."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from ragqa import messages
from ragqa import wire as records
from ragqa.records import Answer, AnswerSentence, Citation, Hit
from ragqa.retrieve import MAX_QUESTION_CHARS
from ragqa.serve.errors import HttpError

Json = dict[str, Any]
Model = TypeVar("Model", bound=BaseModel)
MAX_TEXT_CHARS = 1_000_000
MOST_TURNS = 50
MOST_OFFSET = 1_000_000_000
MOST_TEXTS = 256
"""The most texts that one request embeds."""

Question = Annotated[str, Field(min_length=1, max_length=MAX_QUESTION_CHARS)]
Text = Annotated[str, Field(max_length=MAX_TEXT_CHARS)]
Key = Annotated[str, Field(min_length=1, max_length=200)]
Value = Annotated[str, Field(max_length=1000)] | int | float | bool

Values = Annotated[list[Value], Field(max_length=100)]
Limits = Annotated[dict[Literal["from", "to"], Value], Field(min_length=1)]
Id = Annotated[str, Field(max_length=100)]


def _in_words(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """Return a checked value of a filter; one error says what it may be, in place of one for each form."""
    try:
        return check(value)
    except ValidationError:
        raise ValueError("must be a text, a number, true or false, a list of these, or a range {from, to}") from None


Wanted = Annotated[Value | Values | Limits, WrapValidator(_in_words)]
"""What a key of a filter must be."""


class Own(BaseModel):
    """A body of our own interface: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class OpenAI(BaseModel):
    """A body of OpenAI's interface: keys that mean nothing here are left out, as its clients send many."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, allow_inf_nan=False)


class Turn(Own):
    """An earlier question, with the text that was cited for it or its answer."""

    question: Question
    answer: Text


class AskBody(Own):
    """A question, and the turns before it, the oldest first.

    The turn is kept in `conversation`, if that is given: after its turns, or in the place of those from `replace_from` on.
    """

    question: Question
    history: Annotated[list[Turn], Field(max_length=MOST_TURNS)] = []
    conversation: Id | None = None
    replace_from: Annotated[int, Field(ge=0, le=1_000_000)] | None = None


class SearchBody(Own):
    """A question, how many hits to return (`retrieve.top_k` of the pipeline file unless it is given), and a filter.

    `where` has the form of `retrieve.filter`, and both hold: only documents with these values are found.
    """

    question: Question
    k: Annotated[int, Field(ge=1, le=100)] | None = None
    where: Annotated[dict[Key, Wanted], Field(max_length=20)] | None = None


class ConversationBody(Own):
    """A new conversation."""

    title: Annotated[str, Field(min_length=1, max_length=200)]


class CitedSpan(Own):
    """A span of a document, as a citation has it."""

    document_id: Id
    start: Annotated[int, Field(ge=0, le=MOST_OFFSET)]
    end: Annotated[int, Field(ge=0, le=MOST_OFFSET)]


class FeedbackBody(Own):
    """What a person says of an answer, whose text is empty where there was none, and the right one, if it is another."""

    question: Question
    answer: Text
    verdict: Literal["up", "down"]
    correction: Text | None = None
    citations: Annotated[list[CitedSpan], Field(max_length=100)] = []
    history: Annotated[list[Turn], Field(max_length=MOST_TURNS)] = []


class Part(OpenAI):
    """A part of a message; only texts are read."""

    type: Annotated[str, Field(max_length=64)]
    text: Text | None = None


class Message(OpenAI):
    """A message of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Text | Annotated[list[Part], Field(max_length=64)] | None = None


class StreamOptions(OpenAI):
    """`include_usage` asks for a last chunk with the number of tokens."""

    include_usage: bool | None = None


class ResponseFormat(OpenAI):
    """The form of an answer; only `text` can be had."""

    type: Annotated[str, Field(max_length=64)]


class ChatBody(OpenAI):
    """A conversation whose last message is the question. Answers are greedy: `temperature` and its like mean nothing."""

    model: Annotated[str, Field(max_length=200)]
    messages: Annotated[list[Message], Field(min_length=1, max_length=500)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    tools: list[Any] | None = None
    tool_choice: str | Json | None = None
    n: int | None = None


class CompletionBody(OpenAI):
    """A prompt that is the question."""

    model: Annotated[str, Field(max_length=200)]
    prompt: Text | Annotated[list[Any], Field(max_length=MOST_TEXTS)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None


class EmbeddingsBody(OpenAI):
    """Texts to embed as passages are."""

    model: Annotated[str, Field(max_length=200)]
    input: Text | Annotated[list[Any], Field(min_length=1, max_length=1_000_000)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None


def parsed(model: type[Model], body: bytes) -> Model:
    """Return the checked body of a request.

    :raises HttpError: 400 where it is no JSON, 422 where a key has a wrong value; the value is not repeated.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        detail: Any = error.errors(include_url=False, include_input=False)[0]
        if detail["type"] == "json_invalid":
            raise HttpError(400, "the body is not JSON in UTF-8", "invalid_json") from None
        where = ".".join(str(part) for part in detail["loc"] if _is_key(part))
        what = f"{where}: " if where else "the body "
        raise HttpError(422, f"{what}{messages.requirement(detail)}", "invalid_value", param=where or None) from None


def _is_key(part: Any) -> bool:
    """Tell whether a part of pydantic's location is a key or an index, and no member of a union."""
    return isinstance(part, int) or (part.isidentifier() and part not in ("str", "int"))


def citation(record: Citation) -> Json:
    """Return a citation as `ragqa ask --json` prints it, without its path."""
    return _without_path(records.citation(record))


def hit(record: Hit) -> Json:
    """Return a hit as `ragqa search --json` prints it, without its path."""
    return _without_path(records.hit(record))


def sentence(record: AnswerSentence) -> Json:
    """Return a part of an answer with its citations."""
    return {**records.answer_sentence(record), "citations": [citation(each) for each in record.citations]}


def answer(record: Answer) -> Json:
    """Return an answer as `ragqa ask --json` prints it, without the paths."""
    return {
        **records.answer(record),
        "citations": [citation(each) for each in record.citations],
        "nearest": [citation(each) for each in record.nearest],
        "sentences": [sentence(each) for each in record.sentences],
        "hits": [hit(each) for each in record.hits],
    }


def _without_path(data: Json) -> Json:
    return {key: value for key, value in data.items() if key != "path"}
