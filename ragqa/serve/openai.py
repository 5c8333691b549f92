"""OpenAI's interface: models, chat completions, completions and embeddings, for programs that know no other."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ragqa.records import Answer, AnswerSentence
from ragqa.serve import wire
from ragqa.serve.citations import annotated
from ragqa.serve.conversation import conversation, prompt
from ragqa.serve.errors import HttpError
from ragqa.serve.lanes import Answering, Waiting
from ragqa.serve.replies import EventStream, as_json, comment, event, failed, until_gone
from ragqa.serve.service import Service, who
from ragqa.serve.tasks import task_reply
from ragqa.serve.wire import ChatBody, CompletionBody, EmbeddingsBody, Json, StreamOptions, parsed

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

HELD_SECONDS = 0.05
"""How long a sentence is held back: where the answer follows, it says what stands between its sentences."""


@dataclass(frozen=True, slots=True)
class _Form:
    """The two forms of a completion: what surrounds its text, in a whole reply and in a chunk."""

    prefix: str
    whole: str
    chunk: str
    text: Callable[[str], Json]
    delta: Callable[[str], Json]
    first: Json | None = None


_CHAT = _Form(
    "chatcmpl", "chat.completion", "chat.completion.chunk",
    lambda text: {"message": {"role": "assistant", "content": text, "refusal": None}},
    lambda text: {"delta": {"content": text} if text else {}},
    {"delta": {"role": "assistant", "content": ""}},
)  # fmt: skip
_TEXT = _Form("cmpl", "text_completion", "text_completion", lambda text: {"text": text}, lambda text: {"text": text})


@dataclass(frozen=True, slots=True)
class _Completion:
    """One completion on its way out."""

    form: _Form
    model: str
    refusal: str
    base: str
    id: str = field(default_factory=lambda: secrets.token_hex(12))
    created: int = field(default_factory=lambda: int(time.time()))

    def head(self, kind: str) -> Json:
        return {"id": f"{self.form.prefix}-{self.id}", "object": kind, "created": self.created, "model": self.model}

    def text(self, answer: Answer) -> str:
        """Return the text of an answer; where there is none, what says so, since clients would show nothing."""
        return self.refusal if answer.abstained else answer.text

    def extras(self, answer: Answer) -> Json:
        """Return what OpenAI's interface has no place for: citations, and whether there is an answer."""
        return {
            "citations": [wire.citation(each) for each in answer.citations],
            "annotations": annotated(answer, self.base),
            "ragqa": {
                "abstained": answer.abstained,
                "reason": answer.reason,
                "kind": answer.kind,
                "confidence": answer.confidence,
                "generation": answer.index_version,
            },
        }

    def whole(self, answer: Answer) -> Json:
        choice = self.form.text(self.text(answer))
        choice.get("message", choice).update(self.extras(answer))
        return {**self.head(self.form.whole), "choices": [_choice(choice, _finish(answer))], "usage": _usage(answer)}

    def plain(self, text: str) -> Json:
        """Return a completion that is no answer from the documents."""
        return {**self.head(self.form.whole), "choices": [_choice(self.form.text(text), "stop")], "usage": _NO_USAGE}

    def chunk(self, choice: Json, finish: str | None = None) -> bytes:
        return event({**self.head(self.form.chunk), "choices": [_choice(choice, finish)]})

    def last(self, answer: Answer | None, *, usage: bool) -> list[bytes]:
        """Return the chunks that end a stream."""
        choice = self.form.delta("")
        if answer:
            choice.get("delta", choice).update(self.extras(answer))
        ends = [self.chunk(choice, _finish(answer) if answer else "stop")]
        used = _usage(answer) if answer else _NO_USAGE
        ends += [event({**self.head(self.form.chunk), "choices": [], "usage": used})] if usage else []
        return [*ends, event(b"[DONE]")]


class OpenAIApi:
    """The handlers of `/v1`."""

    def __init__(self, service: Service) -> None:
        self._service, self._began = service, int(time.time())

    async def models(self, request: Request) -> Response:
        """List the one model: this pipeline."""
        return as_json({"object": "list", "data": [self._model()]})

    async def model(self, request: Request) -> Response:
        """Return the one model."""
        self._check_model(request.path_params["id"])
        return as_json(self._model())

    async def chat(self, request: Request) -> Response:
        """Answer the last message of a conversation, in the form of a chat completion."""
        body = parsed(ChatBody, await request.body())
        self._check_model(body.model)
        _refuse_unsupported(body)
        question, history = conversation(body.messages, self._service.spec.refusal)
        completion = self._completion(_CHAT, request)
        if (known := task_reply(question)) is not None:
            return _plain(completion, known, body.stream, _wants_usage(body.stream_options))
        asked = self._service.ask(question, history, who(request), "messages")
        return await self._reply(request, completion, asked, body.stream, body.stream_options)

    async def complete(self, request: Request) -> Response:
        """Answer a prompt, in the form of a completion."""
        body = parsed(CompletionBody, await request.body())
        self._check_model(body.model)
        _refuse_several(body.n)
        asked = self._service.ask(prompt(body.prompt), (), who(request), "prompt")
        return await self._reply(request, self._completion(_TEXT, request), asked, body.stream, body.stream_options)

    async def embed(self, request: Request) -> Response:
        """Return the vectors of texts, embedded as passages are."""
        body = parsed(EmbeddingsBody, await request.body())
        self._check_model(body.model)
        texts = _texts(body.input)
        embedder = self._service.pipeline.components.embedder
        if body.dimensions not in (None, embedder.dim):
            raise HttpError(400, f"dimensions: must be {embedder.dim}, or left out", param="dimensions")
        vectors, used = await self._service.embed(
            lambda: (embedder.embed_passages(texts), sum(map(embedder.count, texts)))
        )
        coded = [_coded(vector, body.encoding_format) for vector in vectors]
        data = [{"object": "embedding", "index": i, "embedding": each} for i, each in enumerate(coded)]
        usage = {"prompt_tokens": used, "total_tokens": used}
        return as_json({"object": "list", "data": data, "model": body.model, "usage": usage})

    async def _reply(
        self,
        request: Request,
        completion: _Completion,
        asked: Answering,
        stream: bool | None,
        options: StreamOptions | None,
    ) -> Response:
        if stream:
            return EventStream(self._chunks(request, completion, asked, _wants_usage(options)), asked.close)
        try:
            answer = await until_gone(asked.answer(), request.receive)
        finally:
            asked.close()
        self._service.answered(request, answer)
        return as_json(completion.whole(answer))

    async def _chunks(
        self, request: Request, completion: _Completion, asked: Answering, usage: bool
    ) -> AsyncGenerator[bytes, None]:
        try:
            if completion.form.first:
                yield completion.chunk(completion.form.first)
            async for piece in _pieces(asked, completion):
                if isinstance(piece, Waiting):
                    yield comment(f"waiting {piece.ahead}")
                elif isinstance(piece, str):
                    yield completion.chunk(completion.form.delta(piece))
                else:
                    self._service.answered(request, piece)
                    for chunk in completion.last(piece, usage=usage):
                        yield chunk
        except Exception as error:
            yield failed(request, error)

    def _completion(self, form: _Form, request: Request) -> _Completion:
        base = f"{request.scope['scheme']}://{request.scope['state']['host']}"
        return _Completion(form, self._service.spec.model_name, self._service.spec.refusal, base)

    def _model(self) -> Json:
        return {"id": self._service.spec.model_name, "object": "model", "created": self._began, "owned_by": "ragqa"}

    def _check_model(self, name: str) -> None:
        if name != (own := self._service.spec.model_name):
            raise HttpError(404, f"model: there is one model, {own}", "model_not_found", "model")


async def _pieces(asked: Answering, completion: _Completion) -> AsyncIterator[str | Answer | Waiting]:
    """Yield the text of an answer as its sentences are known, and last the answer. The pieces joined are the text."""
    sent = held = ""
    while True:
        piece = await asked.next(HELD_SECONDS if held else None)
        if isinstance(piece, AnswerSentence):
            held += f"{' ' if sent or held else ''}{piece.text}"
        elif isinstance(piece, Answer):
            whole = completion.text(piece)
            if rest := whole.removeprefix(sent) if whole.startswith(sent) else held:
                yield rest
            yield piece
            return
        elif isinstance(piece, Waiting) and held:
            yield held
            sent, held = sent + held, ""
        elif isinstance(piece, Waiting):
            yield piece


def _plain(completion: _Completion, text: str, stream: bool | None, usage: bool) -> Response:
    """Return a reply that needs no work."""
    if not stream:
        return as_json(completion.plain(text))

    async def chunks() -> AsyncGenerator[bytes, None]:
        for chunk in (completion.chunk(completion.form.first or {}), completion.chunk(completion.form.delta(text))):
            yield chunk
        for chunk in completion.last(None, usage=usage):
            yield chunk

    return EventStream(chunks(), lambda: None)


def _refuse_unsupported(body: ChatBody) -> None:
    """Refuse what a client would miss in the answer. Tools are left out, unless one must be called."""
    _refuse_several(body.n)
    if body.response_format and body.response_format.type != "text":
        message = f"response_format: answers are text with citations; {body.response_format.type} cannot be had"
        raise HttpError(400, message, "unsupported_value", "response_format")
    if body.tool_choice == "required" or isinstance(body.tool_choice, dict):
        raise HttpError(400, "tool_choice: this model calls no tools", "unsupported_value", "tool_choice")


def _refuse_several(n: int | None) -> None:
    if n not in (None, 1):
        raise HttpError(400, "n: there is one answer to a question", "unsupported_value", "n")


def _texts(given: Any) -> list[str]:
    """Return the texts to embed. Ids of tokens are refused: they are of another tokenizer."""
    texts = [given] if isinstance(given, str) else given
    if any(isinstance(each, int | list) for each in texts):
        advice = "send texts, not ids of tokens (with LangChain: OpenAIEmbeddings(check_embedding_ctx_length=False))"
        raise HttpError(400, f"input: {advice}", "unsupported_value", "input")
    if len(texts) > wire.MOST_TEXTS:
        raise HttpError(400, f"input: at most {wire.MOST_TEXTS} texts at a time", "too_many_texts", "input")
    for text in texts:
        if not isinstance(text, str) or not text or "\0" in text:
            raise HttpError(422, "input: each text must be a string that is not empty and has no NUL", param="input")
    return list(texts)


def _coded(vector: Any, form: str | None) -> Any:
    values = np.asarray(vector, dtype="<f4")
    return base64.b64encode(values.tobytes()).decode() if form == "base64" else values.tolist()


def _choice(content: Json, finish: str | None) -> Json:
    return {"index": 0, **content, "logprobs": None, "finish_reason": finish}


def _finish(answer: Answer) -> str:
    return "length" if answer.finish in ("length", "deadline") else "stop"


_NO_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def _usage(answer: Answer) -> Json:
    """Return the tokens that the generator read and wrote; none where code alone answered."""
    written = int(answer.usage.get("answer_tokens", 0))
    read = int(sum(n for name, n in answer.usage.items() if name.endswith("_tokens"))) - written
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _wants_usage(options: StreamOptions | None) -> bool:
    return bool(options and options.include_usage)
