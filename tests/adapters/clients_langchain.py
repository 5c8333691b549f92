"""LangChain's own tests of retrievers, run by `make test-clients`: they need `langchain-tests`."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.retrievers import BaseRetriever
from langchain_tests.integration_tests import RetrieversIntegrationTests

from ragqa.adapters.langchain import RagqaRetriever
from ragqa.pipeline import Pipeline


class TestRagqaRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _use(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return RagqaRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"pipeline": self._pipeline}

    @property
    def retriever_query_example(self) -> str:
        return "Who is the master of the kite?"
