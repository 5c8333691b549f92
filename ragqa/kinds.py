"""The table of built-in kinds, one line each, and the functions that build them.

To add a kind: write its settings as a class that inherits from the class of its slot (`ragqa.config.slots`), write the
part and its builder, and add one line here. A kind of your own needs no line here: pass `kinds=[Kind(slot, spec,
build)]`.

Model libraries are imported inside the builders, and not before one is called.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import create_model

from ragqa.arguments import AnyPath
from ragqa.config import (
    Combination,
    Config,
    Kind,
    Kinds,
    endpoints,
    generators,
    read_combinations,
    read_config,
    retrieval,
    specs,
)
from ragqa.config.serving import HttpServe
from ragqa.config.slots import FormatSpec
from ragqa.evaluate.datasets import KINDS as DATASETS
from ragqa.evaluate.datasets import DatasetKind, read_kind
from ragqa.load.bounds import Limits
from ragqa.load.formats import FORMATS, Format
from ragqa.train.settings import NextTokenObjective

if TYPE_CHECKING:
    from ragqa.embed.encoder import EncoderEmbedder
    from ragqa.embed.openai import OpenAIEmbedder
    from ragqa.embed.sentence_transformers import SentenceTransformersEmbedder
    from ragqa.generate.causal_lm import CausalLM
    from ragqa.generate.constraints import Unconstrained
    from ragqa.generate.llama_cpp import LlamaCpp
    from ragqa.generate.openai import OpenAIEndpoint
    from ragqa.generate.spans import SpanConstraint
    from ragqa.index import LocalIndex
    from ragqa.load import FolderLoader
    from ragqa.load.readers import SandboxedFormat
    from ragqa.prompt import TemplatePrompter
    from ragqa.prompt.examples import Examples
    from ragqa.reader.extractive import ExtractiveReader
    from ragqa.retrieve.endpoint import EndpointScorer
    from ragqa.retrieve.rerank import BiEncoderScorer, CrossEncoderScorer, LikelihoodScorer
    from ragqa.retrieve.retriever import FusionRetriever
    from ragqa.retrieve.rewrite import HydeRewriter, MultiQueryRewriter
    from ragqa.split import CodeSplitter, MarkdownSplitter, RecursiveSplitter, SentenceSplitter, TokenSplitter
    from ragqa.stages import Needs
    from ragqa.train.objectives import NextTokenPrediction


def folder_loader(spec: specs.FolderLoad, needs: Needs) -> FolderLoader:
    """Build a loader; source files of a language that the splitter cuts are read as text, if no format reads them."""
    from ragqa.load import MEDIA_TYPES, FileGlobs, FolderLoader
    from ragqa.load.ocr.completing import Ocr

    # the user's own formats, with their settings where the section has any
    listed = {type(format_spec): format_spec for format_spec in spec.formats}
    kinds = needs.config.kinds.of_slot("format")
    formats = [listed.get(kind.spec) or kind.default() for kind in kinds if not kind.spec.built_in]
    source_code = [f"**/*{each}" for each in needs.config.split.source_suffixes if each.lower() not in MEDIA_TYPES]
    return FolderLoader(
        spec.roots,
        FileGlobs(spec.include, spec.exclude, [*spec.as_text, *source_code]),
        text_field=spec.text_field,
        passwords=spec.passwords,
        formats=[needs.build(format_spec) for format_spec in formats if format_spec is not None],
        ocr=Ocr(spec.ocr, spec.ocr_languages),
    )


class BuiltInFormat(FormatSpec):
    """A format that ragqa reads in the sandbox; it has no settings of its own."""

    built_in: ClassVar[bool] = True


def _format_kind(record: Format) -> Kind[BuiltInFormat]:
    """Return the kind for an entry of the table of built-in formats."""
    named: Any = Literal[record.name]
    spec = create_model(f"{record.name.title()}Format", __base__=BuiltInFormat, kind=(named, ...))
    spec.__doc__ = f"Files of type {record.media_type} ({', '.join(record.suffixes)})."
    return Kind("format", spec, lambda spec, needs: _sandboxed(record))


def _sandboxed(record: Format) -> SandboxedFormat:
    from ragqa.load.ocr.completing import Ocr
    from ragqa.load.readers import SandboxedFormat

    return SandboxedFormat(record, Limits(), dict.fromkeys(record.options), ocr=Ocr())


def recursive_splitter(spec: specs.RecursiveSplit, needs: Needs) -> RecursiveSplitter:
    """Build a splitter that cuts at the largest break; like all of them it counts in the embedder's tokens."""
    from ragqa.split import RecursiveSplitter

    return RecursiveSplitter(spec, needs.embedder)


def token_splitter(spec: specs.TokenSplit, needs: Needs) -> TokenSplitter:
    """Build a splitter that cuts every so many tokens."""
    from ragqa.split import TokenSplitter

    return TokenSplitter(spec, needs.embedder)


def markdown_splitter(spec: specs.MarkdownSplit, needs: Needs) -> MarkdownSplitter:
    """Build a splitter that cuts at headings first."""
    from ragqa.split import MarkdownSplitter

    return MarkdownSplitter(spec, needs.embedder)


def sentence_splitter(spec: specs.SentenceSplit, needs: Needs) -> SentenceSplitter:
    """Build a splitter that fills chunks with whole sentences."""
    from ragqa.split import SentenceSplitter

    return SentenceSplitter(spec, needs.embedder)


def code_splitter(spec: specs.CodeSplit, needs: Needs) -> CodeSplitter:
    """Build a splitter of source code."""
    from ragqa.split import CodeSplitter

    return CodeSplitter(spec, needs.embedder)


def encoder(spec: specs.MeanPoolEmbed | specs.ClsPoolEmbed, needs: Needs) -> EncoderEmbedder:
    """Build an embedder."""
    from ragqa.embed.encoder import EncoderEmbedder

    return EncoderEmbedder(spec)


def sentence_transformers(spec: specs.SentenceTransformersEmbed, needs: Needs) -> SentenceTransformersEmbedder:
    """Build an embedder with a model of the library sentence-transformers."""
    from ragqa.embed.sentence_transformers import SentenceTransformersEmbedder

    return SentenceTransformersEmbedder(spec)


def openai_embedder(spec: endpoints.OpenAIEmbed, needs: Needs) -> OpenAIEmbedder:
    """Build an embedder at an endpoint."""
    from ragqa.embed.openai import OpenAIEmbedder

    return OpenAIEmbedder(spec)


def faiss_index(spec: specs.FaissIndex, needs: Needs) -> LocalIndex:
    """Build the local index."""
    from ragqa.index import LocalIndex

    return LocalIndex(Path(spec.path), spec.search)


def fusion_retriever(spec: Any, needs: Needs) -> FusionRetriever:
    """Build a retriever with the scorer and the rewriter that its section names."""
    from ragqa.retrieve.retriever import FusionRetriever

    scorer, rewriter = (None if part is None else needs.build(part) for part in (spec.rerank, spec.rewrite))
    return FusionRetriever(spec, needs.embedder, scorer, rewriter)


def multi_query(spec: retrieval.MultiQueryRewrite, needs: Needs) -> MultiQueryRewriter:
    """Build a rewriter that adds paraphrases of the question."""
    from ragqa.retrieve.rewrite import MultiQueryRewriter

    return MultiQueryRewriter(needs.generator, spec.n)


def hyde(spec: retrieval.HydeRewrite, needs: Needs) -> HydeRewriter:
    """Build a rewriter that adds a hypothetical passage (HyDE)."""
    from ragqa.retrieve.rewrite import HydeRewriter

    return HydeRewriter(needs.generator)


def cross_encoder(spec: retrieval.CrossEncoderRerank, needs: Needs) -> CrossEncoderScorer:
    """Build a reranker that reads question and passage together."""
    from ragqa.retrieve.rerank import CrossEncoderScorer

    return CrossEncoderScorer(spec.model, spec.revision)


def bi_encoder(spec: retrieval.EncoderRerank, needs: Needs) -> BiEncoderScorer:
    """Build a reranker by the cosines of a second encoder."""
    from ragqa.embed.encoder import EncoderEmbedder
    from ragqa.retrieve.rerank import BiEncoderScorer

    embed = specs.MeanPoolEmbed(kind="mean_pool", model=spec.model, revision=spec.revision)
    return BiEncoderScorer(EncoderEmbedder(embed))


def likelihood(spec: retrieval.LikelihoodRerank, needs: Needs) -> LikelihoodScorer:
    """Build a reranker by the generator's likelihood of the question."""
    from ragqa.retrieve.rerank import LikelihoodScorer

    return LikelihoodScorer(needs.likelihood_model("retrieve.rerank: likelihood"))


def endpoint_reranker(spec: endpoints.EndpointRerank, needs: Needs) -> EndpointScorer:
    """Build a reranker at an endpoint."""
    from ragqa.embed.tokens import tokens_of
    from ragqa.retrieve.endpoint import EndpointScorer

    return EndpointScorer(spec, tokens_of(spec.tokenizer))


def prompter(spec: specs.InContextPrompt, needs: Needs) -> TemplatePrompter:
    """Build a prompter for the generator's window, with its examples."""
    from ragqa.prompt import TemplatePrompter

    examples = needs.once("examples", spec, lambda: _examples(spec, needs))
    return TemplatePrompter(spec, needs.generator, needs.config.generate.max_new_tokens, examples)


def extractive_reader(spec: specs.ExtractiveReader, needs: Needs) -> ExtractiveReader:
    """Build a reader with trained adapters."""
    from ragqa.reader.extractive import ExtractiveReader

    return ExtractiveReader(Path(spec.path))


def _examples(spec: specs.InContextPrompt, needs: Needs) -> Examples:
    from ragqa.prompt.examples import Examples, read_pairs

    pairs = read_pairs(Path(spec.examples), spec.examples_split) if spec.examples else []
    seed = spec.examples_seed if spec.select == "random" else None
    return Examples(pairs, spec.n_examples, needs.embedder if spec.select == "similar" else None, seed=seed)


def causal_lm(spec: generators.CausalLMGenerate, needs: Needs) -> CausalLM:
    """Build a generator that runs a causal LM in this process."""
    from ragqa.generate.causal_lm import CausalLM

    return CausalLM(spec, needs.build(spec.decode))


def free(spec: generators.FreeDecode, needs: Needs) -> Unconstrained:
    """Build the constraint that allows every token."""
    from ragqa.generate.constraints import Unconstrained

    return Unconstrained()


def span(spec: generators.SpanDecode, needs: Needs) -> SpanConstraint:
    """Build the constraint that chooses the likeliest span of the passages."""
    from ragqa.generate.spans import SpanConstraint

    return SpanConstraint()


def llama_cpp(spec: generators.LlamaCppGenerate, needs: Needs) -> LlamaCpp:
    """Build a generator by llama.cpp."""
    from ragqa.generate.llama_cpp import LlamaCpp

    return LlamaCpp(spec)


def openai(spec: generators.OpenAIGenerate, needs: Needs) -> OpenAIEndpoint:
    """Build a generator at an endpoint."""
    from ragqa.generate.openai import OpenAIEndpoint

    return OpenAIEndpoint(spec)


def next_token(spec: NextTokenObjective, needs: Needs) -> NextTokenPrediction:
    """Build the objective of a language model."""
    from ragqa.train.objectives import NextTokenPrediction

    return NextTokenPrediction()


def _dataset_kind(name: str, record: DatasetKind) -> Kind[specs.FileEvaluate]:
    """Return the kind for an entry of the table of datasets."""
    named: Any = Literal[name]
    spec = create_model(f"{name.title()}Evaluate", __base__=specs.FileEvaluate, kind=(named, ...))
    spec.__doc__ = f"Questions of {record.layout}."
    return Kind("evaluate", spec, lambda spec, needs: read_kind(name, spec.path))


BUILTIN = Kinds(
    [
        Kind("load", specs.FolderLoad, folder_loader),
        *map(_format_kind, FORMATS),
        Kind("split", specs.RecursiveSplit, recursive_splitter),
        Kind("split", specs.TokenSplit, token_splitter),
        Kind("split", specs.MarkdownSplit, markdown_splitter),
        Kind("split", specs.SentenceSplit, sentence_splitter),
        Kind("split", specs.CodeSplit, code_splitter),
        Kind("embed", specs.MeanPoolEmbed, encoder),
        Kind("embed", specs.ClsPoolEmbed, encoder),
        Kind("embed", specs.SentenceTransformersEmbed, sentence_transformers),
        Kind("embed", endpoints.OpenAIEmbed, openai_embedder),
        Kind("index", specs.FaissIndex, faiss_index),
        Kind("retrieve", retrieval.DenseRetrieve, fusion_retriever),
        Kind("retrieve", retrieval.LexicalRetrieve, fusion_retriever),
        Kind("retrieve", retrieval.HybridRetrieve, fusion_retriever),
        Kind("rewrite", retrieval.MultiQueryRewrite, multi_query),
        Kind("rewrite", retrieval.HydeRewrite, hyde),
        Kind("rerank", retrieval.CrossEncoderRerank, cross_encoder),
        Kind("rerank", retrieval.LikelihoodRerank, likelihood),
        Kind("rerank", retrieval.EncoderRerank, bi_encoder),
        Kind("rerank", endpoints.EndpointRerank, endpoint_reranker),
        Kind("prompt", specs.InContextPrompt, prompter),
        Kind("reader", specs.ExtractiveReader, extractive_reader),
        Kind("generate", generators.CausalLMGenerate, causal_lm),
        Kind("generate", generators.LlamaCppGenerate, llama_cpp),
        Kind("generate", generators.OpenAIGenerate, openai),
        Kind("constraint", generators.FreeDecode, free),
        Kind("constraint", generators.SpanDecode, span),
        *(_dataset_kind(name, record) for name, record in DATASETS.items()),
        Kind("serve", HttpServe, lambda spec, needs: spec),  # settings, which `ragqa.serve` reads
        Kind("objective", NextTokenObjective, next_token),
    ]
)
"""The kinds that every pipeline file may name."""


def load_config(path: AnyPath, overrides: Sequence[str] = (), kinds: Iterable[Kind[Any]] = ()) -> Config:
    """Read and check a pipeline file.

    :param overrides: `section.key=value` each, the value read as YAML; relative paths from the working folder.
    :param kinds: your own kinds, which the file may name beside the built-in ones.
    :raises ConfigError: every mistake in the file, with its position; a grid is one.
    """
    return read_config(path, overrides, BUILTIN.and_own(kinds))


def load_combinations(
    path: AnyPath, overrides: Sequence[str] = (), kinds: Iterable[Kind[Any]] = ()
) -> list[Combination]:
    """Read a pipeline file that holds grids; return each combination. Parameters are those of `load_config`.

    :raises ConfigError: every mistake in the file or in a combination, with its position.
    """
    return read_combinations(path, overrides, BUILTIN.and_own(kinds))
