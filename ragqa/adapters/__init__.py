"""Pipelines as parts of other frameworks, each module over the library of an extra of the same name.

langchain.py     a retriever and a runnable for LangChain
llama_index.py   a retriever and a query engine for LlamaIndex
spans.py         what both keep of a passage or a citation
"""
