"""The built-in kinds of `retrieve`, and of `rewrite` and `rerank` inside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ragqa.config.base import Conflict, ModelUse, Name, Slot
from ragqa.config.slots import RerankSpec, RetrieveSpec, RewriteSpec
from ragqa.config.specs import ModelName


class MultiQueryRewrite(RewriteSpec):
    """Ask in other words too, written by the generator, and average the scores."""

    kind: Literal["multi_query"]
    n: int = Field(3, ge=1, le=10, description="How many paraphrases are written.")


class HydeRewrite(RewriteSpec):
    """Look for passages near one that the generator imagines as an answer (HyDE)."""

    moves_vector: ClassVar[bool] = True

    kind: Literal["hyde"]


class CrossEncoderRerank(RerankSpec):
    """A sequence classifier that reads question and passage together."""

    kind: Literal["cross_encoder"]
    model: ModelName = Field(description="Folder or hub id of a cross-encoder of sentence-transformers.")
    revision: Name | None = Field(None, description="Hub revision (a commit hash).")

    def model_use(self) -> ModelUse:
        """Return the cross-encoder."""
        return ModelUse(self.model, self.revision, "reranker")


class LikelihoodRerank(RerankSpec):
    """How likely the pipeline's own causal LM finds the question after the passage."""

    uses_generator: ClassVar[bool] = True
    needs_likelihoods: ClassVar[bool] = True

    kind: Literal["likelihood"]


class EncoderRerank(RerankSpec):
    """Cosines by a second, larger encoder."""

    kind: Literal["encoder"]
    model: ModelName = Field(description="Built-in name, folder, or hub id of a mean-pooled encoder.")
    revision: Name | None = Field(None, description="Hub revision (a commit hash).")

    def model_use(self) -> ModelUse:
        """Return the encoder."""
        return ModelUse(self.model, self.revision, "embedder")


class FusionRetrieve(RetrieveSpec):
    """The common fields of the built-in kinds of `retrieve`."""

    rewrite: Annotated[RewriteSpec | None, Slot("rewrite", optional=True)] = Field(
        None, description="What else the generator writes to search by: `{kind: multi_query}` or `{kind: hyde}`."
    )
    feedback: int = Field(
        0, ge=0, le=20, description="How many of the best passages move the question's vector before a second search."
    )
    rerank: Annotated[RerankSpec | None, Slot("rerank", optional=True)] = Field(
        None,
        description="What reads the best chunks again: `{kind: cross_encoder}`, `{kind: likelihood}`, `{kind: encoder}` "
        "or `{kind: endpoint}`.",
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
    prefer: Literal["newest", "none"] = Field(
        "newest",
        description="Of hits in several versions of one document, by name and front matter, put the newest first and "
        "name the others; `none`: by score alone.",
    )
    neighbours: int = Field(0, ge=0, le=10, description="Chunks before and after each hit that are joined to it.")
    section: bool = Field(
        False, description="Join each hit to all chunks around it that stand under the same headings."
    )

    def unbounded(self) -> str:
        """Return the reason why a passage may be longer than a chunk; empty where it cannot be."""
        if self.section:
            return "because a section may have any length; set prompt.max_context_tokens"
        if self.neighbours:
            return "because neighbours are joined with the white space between them; set prompt.max_context_tokens"
        return ""


class DenseRetrieve(FusionRetrieve):
    """Rank by the inner product of question and chunk vectors, exactly."""

    kind: Literal["dense"]


class LexicalRetrieve(FusionRetrieve):
    """Rank by BM25 over the full text."""

    uses_vectors: ClassVar[bool] = False

    kind: Literal["lexical"]

    def conflicts(self) -> Iterator[Conflict]:
        """Yield rewriters that change the question's vector, which this kind does not use."""
        message = "feedback and rewrite {kind: hyde} move a vector, which kind lexical does not search"
        if self.feedback:
            yield Conflict(("feedback",), message)
        if self.rewrite is not None and self.rewrite.moves_vector:
            yield Conflict(("rewrite",), message)


class HybridRetrieve(FusionRetrieve):
    """Fuse the dense and the lexical ranking."""

    kind: Literal["hybrid"]
    fusion: Literal["convex", "rrf"] = Field(
        "convex",
        description="`convex`: weighted sum of both scores, each as a share of its maximum; `rrf`: reciprocal ranks.",
    )
    weight: float = Field(0.45, ge=0, le=1, description="Share of the dense score in a convex fusion.")
    depth: int = Field(100, ge=1, le=10000, description="How many hits of each retriever are fused.")
