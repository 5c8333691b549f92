"""A retriever and a runnable for LangChain. Needs the extra `ragqa[langchain]`.

retriever = RagqaRetriever(pipeline=Pipeline.from_file("pipelines/quickstart.yaml"), k=3)
answers = RagqaRunnable(pipeline=retriever.pipeline)
answers.invoke("Who is the master of MV Tern?").content
"""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.messages import AIMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableConfig, RunnableSerializable
from pydantic import ConfigDict, Field

from ragqa.adapters.spans import of_answer, of_hit
from ragqa.pipeline import Pipeline
from ragqa.records import Answer, Hit


class RagqaRetriever(BaseRetriever):
    """Retrieves the passages of a pipeline's index as documents, best first.

    `metadata` has `document_id`, `source`, `place`, `page`, `start`, `end`, `score`, `scores` and `fields`.
    """

    pipeline: Pipeline
    k: int | None = Field(None, ge=1)
    """The number of passages; None for that of the pipeline file. A call may pass another one."""

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        return [_document(hit) for hit in self.pipeline.search(query, k or self.k)]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        hits = await asyncio.to_thread(self.pipeline.search, query, k or self.k)
        return [_document(hit) for hit in hits]


class RagqaRunnable(RunnableSerializable[str, AIMessage]):
    """Answers questions. The message's content is the answer, empty where the documents give none.

    `additional_kwargs["ragqa"]` has `citations`, `abstained`, `reason`, `confidence`, `unanswered`, `nearest` and
    `index_version`.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    pipeline: Pipeline

    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> AIMessage:
        """Return the answer to a question.

        :raises UsageError: the question is empty or too long.
        """
        return self._call_with_config(lambda question: _message(self.pipeline.ask(question)), input, config)

    async def ainvoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> AIMessage:
        """Return the answer to a question without blocking the event loop; a cancellation stops the generator."""

        async def answered(question: str) -> AIMessage:
            return _message(await self.pipeline.aask(question))

        return await self._acall_with_config(answered, input, config)


def _document(hit: Hit) -> Document:
    return Document(page_content=hit.chunk.text, metadata=of_hit(hit), id=hit.chunk.id)


def _message(answer: Answer) -> AIMessage:
    return AIMessage(content=answer.text, additional_kwargs={"ragqa": of_answer(answer)})
