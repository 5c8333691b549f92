"""The sections of a pipeline file, as frozen data: no method here touches a model or the disk.

Every section is a mapping with a `kind` from a closed set; a key that is not listed is an error. Field descriptions
are the text of the reference page and of the JSON Schema.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from ragqa.config.base import Conflict, CustomSpec, Name, Scalar, Spec
from ragqa.config.generators import CausalLMGenerate, LlamaCppGenerate, OpenAIGenerate

__all__ = ["CustomSpec"]

VERSION = 1
BYTES_PER_TOKEN = 6
"""A chunk of n tokens has at most this many UTF-8 bytes a token; a tokenizer may make one token of a word of any length."""


class FolderLoad(Spec):
    """Read the documents of a folder, of one file, or of a list of both."""

    kind: Literal["folder"]
    path: Name | list[Name] = Field(description="Folder, file, or list of both; relative to the pipeline file.")
    include: list[Name] = Field([], description="Globs over the relative path; only matching files are read.")
    exclude: list[Name] = Field([], description="Globs over the relative path; matching files are left out.")
    as_text: list[Name] = Field(
        [],
        description="Globs over the relative path; matching files are read as plain text, whatever their type "
        "(source code, LICENSE). A file that `path` names is read so too where its type is not known.",
    )
    text_field: Name | None = Field(None, description="JSONL: the field that holds the text.")


class _SizedSplit(Spec):
    chunk_size: int = Field(200, ge=8, le=8192, description="Longest chunk, in `unit`.")
    overlap: int = Field(40, ge=0, description="How much of a chunk the next one repeats, in `unit`.")
    unit: Literal["token", "character"] = Field("token", description="`token`: the embedder's own tokens.")

    def conflicts(self) -> Iterator[Conflict]:
        """Yield whether a chunk would repeat all of the one before."""
        if self.overlap >= self.chunk_size:
            message = f"overlap {self.overlap} must be below chunk_size {self.chunk_size}"
            yield Conflict(("overlap", "chunk_size"), message)


class RecursiveSplit(_SizedSplit):
    """Cut at the largest break that fits: paragraph, line, sentence, word."""

    kind: Literal["recursive"]


class TokenSplit(_SizedSplit):
    """Cut every `chunk_size` units, wherever that falls between two tokens."""

    kind: Literal["token"]


class MarkdownSplit(_SizedSplit):
    """Cut at headings first; the heading path is kept as context."""

    kind: Literal["markdown"]


class SentenceSplit(_SizedSplit):
    """Fill chunks with whole sentences."""

    kind: Literal["sentence"]


class CodeSplit(_SizedSplit):
    """Cut source code at classes, functions and blocks. Files of the language are read as text."""

    kind: Literal["code"]
    language: Name = Field("python", description="A language of langchain-text-splitters: python, js, go, rust, ...")

    @property
    def source_suffixes(self) -> tuple[str, ...]:
        """Return how names of files in this language end; of Markdown and HTML none: they are read anyway."""
        return tuple(_SOURCE_SUFFIXES.get(self.language, "").split())


_SOURCE_SUFFIXES = {
    "c": ".c .h",
    "cobol": ".cob .cbl",
    "cpp": ".cpp .cc .cxx .hpp .hh .h",
    "csharp": ".cs",
    "elixir": ".ex .exs",
    "go": ".go",
    "haskell": ".hs",
    "java": ".java",
    "js": ".js .mjs .cjs .jsx",
    "kotlin": ".kt .kts",
    "latex": ".tex",
    "lua": ".lua",
    "perl": ".pl .pm",
    "php": ".php",
    "powershell": ".ps1 .psm1",
    "proto": ".proto",
    "python": ".py .pyi",
    "r": ".r .R",
    "rst": ".rst",
    "ruby": ".rb",
    "rust": ".rs",
    "scala": ".scala",
    "sol": ".sol",
    "swift": ".swift",
    "ts": ".ts .tsx",
    "visualbasic6": ".bas .cls .frm",
}


class _EncoderEmbed(Spec):
    model: Name = Field(description="Built-in name, folder, or hub id of a BERT-like encoder.")
    revision: Name | None = Field(None, description="Hub revision (a commit hash).")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="`auto`: bfloat16 where the processor has tile units for it (AMX, a GPU), else float32."
    )
    engine: Literal["auto", "native", "transformers"] = Field(
        "auto", description="What runs the weights; `auto`: native for BERT, else transformers."
    )
    batch_tokens: int = Field(1024, ge=64, description="Most tokens in one batch; on a GPU, more is faster.")


class MeanPoolEmbed(_EncoderEmbed):
    """Average the token vectors of each text."""

    kind: Literal["mean_pool"]


class ClsPoolEmbed(_EncoderEmbed):
    """Take the vector of each text's first token."""

    kind: Literal["cls_pool"]


class FaissIndex(Spec):
    """FAISS for vectors, SQLite for documents, chunks and full text."""

    kind: Literal["faiss"]
    path: Name = Field(description="Folder of the index; relative to the pipeline file.")
    search: Literal["auto", "flat", "hnsw", "ivf_sq8"] = Field(
        "auto",
        description="`flat`: exact; `hnsw`, `ivf_sq8`: structures for millions of chunks; `auto`: by their number.",
    )


class MultiQueryRewrite(Spec):
    """Ask in other words too, written by the generator, and average the scores."""

    kind: Literal["multi_query"]
    n: int = Field(3, ge=1, le=10, description="How many paraphrases are written.")


class HydeRewrite(Spec):
    """Look for passages near one that the generator imagines as an answer (HyDE)."""

    kind: Literal["hyde"]


class _Rerank(Spec):
    depth: int = Field(50, ge=1, le=1000, description="How many of the best chunks are read again; at least top_k.")
    weight: float = Field(
        0.5, gt=0, le=1, description="Share of the reranker's score; the rest is the first ranking's."
    )


class CrossEncoderRerank(_Rerank):
    """A sequence classifier that reads question and passage together."""

    kind: Literal["cross_encoder"]
    model: Name = Field(description="Folder or hub id of a cross-encoder of sentence-transformers.")
    revision: Name | None = Field(None, description="Hub revision (a commit hash).")


class LikelihoodRerank(_Rerank):
    """How likely the pipeline's own causal LM finds the question after the passage."""

    kind: Literal["likelihood"]


class EncoderRerank(_Rerank):
    """Cosines by a second, larger encoder."""

    kind: Literal["encoder"]
    model: Name = Field(description="Built-in name, folder, or hub id of a mean-pooled encoder.")
    revision: Name | None = Field(None, description="Hub revision (a commit hash).")


class _Retrieve(Spec):
    top_k: int = Field(5, ge=1, le=1000, description="How many chunks are retrieved, before any expansion.")
    min_score: float = Field(
        0.25, ge=-1, le=1, description="Abstain when the best cosine is below this and no content word is shared."
    )
    filter: dict[Name, Scalar | list[Scalar]] = Field(
        {}, description="Metadata that a document must have: a value, or a list of which one must match."
    )
    rewrite: Annotated[MultiQueryRewrite | HydeRewrite, Field(discriminator="kind")] | None = Field(
        None, description="What else the generator writes to search by: `{kind: multi_query}` or `{kind: hyde}`."
    )
    feedback: int = Field(
        0, ge=0, le=20, description="How many of the best passages move the question's vector before a second search."
    )
    rerank: Annotated[CrossEncoderRerank | LikelihoodRerank | EncoderRerank, Field(discriminator="kind")] | None = (
        Field(
            None,
            description="What reads the best chunks again: `{kind: cross_encoder}`, `{kind: likelihood}` or `{kind: encoder}`.",
        )
    )
    near_duplicates: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Leave out a hit when this share of its runs of five words stands in a better hit.",
    )
    per_document: int | None = Field(None, ge=1, description="At most this many hits of one document.")
    mmr: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of relevance against novelty (maximal marginal relevance); 1 is relevance alone.",
    )
    neighbours: int = Field(0, ge=0, le=10, description="Chunks before and after each hit that are joined to it.")
    section: bool = Field(
        False, description="Join each hit to all chunks around it that stand under the same headings."
    )


class DenseRetrieve(_Retrieve):
    """Rank by the inner product of question and chunk vectors, exactly."""

    kind: Literal["dense"]


class LexicalRetrieve(_Retrieve):
    """Rank by BM25 over the full text."""

    kind: Literal["lexical"]

    def conflicts(self) -> Iterator[Conflict]:
        """Yield what moves a vector."""
        message = "feedback and rewrite {kind: hyde} move a vector, which kind lexical does not search"
        if self.feedback:
            yield Conflict(("feedback",), message)
        if isinstance(self.rewrite, HydeRewrite):
            yield Conflict(("rewrite",), message)


class HybridRetrieve(_Retrieve):
    """Fuse the dense and the lexical ranking."""

    kind: Literal["hybrid"]
    fusion: Literal["convex", "rrf"] = Field(
        "convex",
        description="`convex`: weighted sum of both scores, each as a share of its maximum; `rrf`: reciprocal ranks.",
    )
    weight: float = Field(0.45, ge=0, le=1, description="Share of the dense score in a convex fusion.")
    depth: int = Field(100, ge=1, le=10000, description="How many hits of each retriever are fused.")


class InContextPrompt(Spec):
    """Fill a template with passages, examples and the question."""

    kind: Literal["in_context"]
    template: Name = Field(
        "qa", description="Built-in name (qa, span, answerable, chat, summarize, extract) or a file path with `/`."
    )
    order: Literal["best_first", "best_at_ends"] = Field("best_first", description="Order of passages in the prompt.")
    examples: Name | None = Field(
        None,
        description="questions.jsonl whose questions and answers serve as examples; plain templates show the first evidence too.",
    )
    examples_split: Name | None = Field(
        None, description="Take only examples whose key `split` has this value, so that none of them is asked."
    )
    n_examples: int = Field(0, ge=0, le=64, description="How many examples go into the prompt.")
    select: Literal["first", "similar", "random"] = Field(
        "first",
        description="The first examples of the file, those most similar to the question, or some drawn once for all.",
    )
    examples_seed: int = Field(0, ge=0, description="Seed of the draw of `select: random`.")
    max_context_tokens: int | None = Field(
        None, ge=1, description="Most tokens for passages; default: all that the window leaves."
    )

    def conflicts(self) -> Iterator[Conflict]:
        """Yield what is said of examples that are not given or not shown."""
        if (self.examples is None) != (self.n_examples == 0):
            given = ("examples", "n_examples") if self.examples else ("n_examples", "examples")
            yield Conflict(given, "examples and n_examples go together: give both or neither")
        if self.examples_split is not None and self.examples is None:
            message = "examples_split chooses among examples, which are not given: give both or neither"
            yield Conflict(("examples_split", "examples"), message)


class JsonlEvaluate(Spec):
    """Questions with gold answers and evidence, one JSON object a line."""

    kind: Literal["jsonl"]
    path: Name = Field(description="questions.jsonl; relative to the pipeline file.")


KINDS: dict[str, tuple[type[Spec], ...]] = {
    "load": (FolderLoad,),
    "split": (RecursiveSplit, TokenSplit, MarkdownSplit, SentenceSplit, CodeSplit),
    "embed": (MeanPoolEmbed, ClsPoolEmbed),
    "index": (FaissIndex,),
    "retrieve": (DenseRetrieve, LexicalRetrieve, HybridRetrieve),
    "prompt": (InContextPrompt,),
    "generate": (CausalLMGenerate, LlamaCppGenerate, OpenAIGenerate),
    "evaluate": (JsonlEvaluate,),
}
"""The kinds of each section, in the order of the flow."""

OPTIONAL = ("evaluate",)


def kind_of(spec: type[BaseModel]) -> str:
    """Return the name by which a file chooses this class."""
    return str(spec.model_fields["kind"].annotation.__args__[0])  # type: ignore[union-attr]
