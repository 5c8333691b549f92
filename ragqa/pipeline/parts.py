"""Builds each stage from its section of the file, when it is first needed.

Model libraries are imported here, inside the functions, and nowhere earlier.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragqa import forks
from ragqa.arguments import wrong_type
from ragqa.config import Config
from ragqa.config.specs import KINDS, CustomSpec, FolderLoad
from ragqa.errors import UsageError
from ragqa.pipeline.sources import SourceFiles
from ragqa.records import Chunk, Hit
from ragqa.stopping import Turn

if TYPE_CHECKING:
    from ragqa.prompt import Prompter
    from ragqa.prompt.examples import Examples
    from ragqa.stages import (
        Embedder,
        Generator,
        LikelihoodModel,
        Loader,
        Retriever,
        Rewriter,
        Scorer,
        Splitter,
        Vectors,
    )


_SHARED = {"embedder": ("embed",), "generator": ("generate",), "_examples": ("prompt", "embed")}
"""The parts that hold a model or vectors, and the sections that each is made of."""


class Parts:
    """The stages of one pipeline file. Any of them may be replaced by an object that meets its Protocol.

    `turn` is taken by whoever works with them: several threads may use a pipeline, and pipelines that share a part.
    """

    def __init__(self, config: Config) -> None:
        if not isinstance(config, Config):
            wanted = "what load_config returns, or use Pipeline.from_file(path) or Pipeline.from_folder(path)"
            raise wrong_type("config", config, wanted)
        self.config = config
        self.turn = Turn()

    def share(self, other: Parts) -> None:
        """Take over the parts of another pipeline that are the same in this one, so that a model is loaded once."""
        self.turn = other.turn
        same = {name for name in KINDS if getattr(self.config, name) == getattr(other.config, name)}
        parts = [part for part, sections in _SHARED.items() if same.issuperset(sections)]
        vars(self).update({part: getattr(other, part) for part in parts})
        reranks = [getattr(each.config.retrieve, "rerank", None) for each in (self, other)]
        if reranks[0] is not None and reranks[0] == reranks[1] and "generate" in same:
            vars(self)["_scorer"] = other._scorer

    def load_models(self, *, retrieval: bool = True, answers: bool = True) -> None:
        """Load the models that retrieval, answers or both need, so that the first question waits for none.

        :raises ModelError: a model is not here.
        """
        from ragqa.stages import Loadable

        spec, parts = self.config.retrieve, list[object]()
        if retrieval:
            parts += [self.retriever, self._scorer if hasattr(spec, "rerank") else None]
            parts += [self.generator] if getattr(spec, "rewrite", None) else []
            if spec.kind != "lexical":
                self._canaries  # noqa: B018  # a cached property: reading it loads the embedder too
        if answers:
            parts += [self.generator, self.prompter, self._examples]
        for part in parts:
            if isinstance(part, Loadable):
                part.load()
        if answers and isinstance(self.generator, Loadable):
            self._read_shared_prompt()

    def _read_shared_prompt(self) -> None:
        """Have the generator read a prompt, so that it keeps what all of them begin with; what it writes is dropped."""
        text = "The ferry leaves at noon."
        passage = Hit(Chunk("warm-up", "warm-up", 0, len(text), text), "warm-up", "", 1.0, {})
        for _ in self.generator.stream(self.prompter.build("When does the ferry leave?", [passage])):
            break

    @cached_property
    def _canaries(self) -> Vectors:
        """The vectors by which an index knows the embedder that built it."""
        from ragqa.index import CANARIES

        return self.embedder.embed_passages(CANARIES)

    @cached_property
    def loader(self) -> Loader:
        """The `load` stage."""
        from ragqa.load import FolderLoader

        spec: Any = self.config.load
        if isinstance(spec, CustomSpec):
            own: Loader = spec.build()
            return own
        sources = [f"**/*{suffix}" for suffix in getattr(self.config.split, "source_suffixes", ())]
        return FolderLoader(
            self.roots,
            include=spec.include,
            exclude=spec.exclude,
            as_text=[*spec.as_text, *sources],
            text_field=spec.text_field,
        )

    @property
    def roots(self) -> list[Path]:
        """The folders and files that are loaded; none for documents that do not come from files."""
        path = getattr(self.config.load, "path", [])
        return [Path(p) for p in ([path] if isinstance(path, str) else path)]

    @cached_property
    def files(self) -> SourceFiles:
        """The files that the sources of the index stand for."""
        return SourceFiles(self.roots)

    @property
    def reads_files(self) -> bool:
        """Tell whether documents are files that the built-in loader reads."""
        from ragqa.load import FolderLoader

        own = vars(self).get("loader")
        return isinstance(self.config.load, FolderLoad) and (own is None or isinstance(own, FolderLoader))

    @cached_property
    def splitter(self) -> Splitter:
        """The `split` stage; it counts in the embedder's tokens."""
        from ragqa.split import SPLITTERS

        spec: Any = self.config.split
        if isinstance(spec, CustomSpec):
            own: Splitter = spec.build(counter=self.embedder)
            return own
        return SPLITTERS[spec.kind](spec, self.embedder)

    @cached_property
    def embedder(self) -> Embedder:
        """The `embed` stage."""
        spec: Any = self.config.embed
        if isinstance(spec, CustomSpec):
            own: Embedder = spec.build()
            return own
        from ragqa.embed.encoder import EncoderEmbedder

        return EncoderEmbedder(spec)

    @property
    def _identity(self) -> dict[str, str]:
        """What an index depends on."""
        forks.check()
        return {**self.embedder.identity, "dim": str(self.embedder.dim), "splitter": self.splitter.fingerprint}

    @cached_property
    def retriever(self) -> Retriever:
        """The `retrieve` stage."""
        from ragqa.retrieve.retriever import FusionRetriever

        spec: Any = self.config.retrieve
        if isinstance(spec, CustomSpec):
            own: Retriever = spec.build(embedder=self.embedder)
            return own
        return FusionRetriever(spec, self.embedder, self._scorer, self._rewriter)

    @property
    def _rewriter(self) -> Rewriter | None:
        from ragqa.retrieve import rewrite

        spec = self.config.retrieve.rewrite
        match spec.kind if spec else None:
            case "multi_query":
                return rewrite.MultiQueryRewriter(self.generator, spec.n)
            case "hyde":
                return rewrite.HydeRewriter(self.generator)
            case _:
                return None

    @cached_property
    def _scorer(self) -> Scorer | None:
        from ragqa.retrieve import rerank
        from ragqa.stages import LikelihoodModel

        spec = self.config.retrieve.rerank
        match spec.kind if spec else None:
            case "cross_encoder":
                return rerank.CrossEncoderScorer(spec.model, spec.revision)
            case "encoder":
                from ragqa.config.specs import MeanPoolEmbed
                from ragqa.embed.encoder import EncoderEmbedder

                encoder = MeanPoolEmbed(kind="mean_pool", model=spec.model, revision=spec.revision)
                return rerank.BiEncoderScorer(EncoderEmbedder(encoder))
            case "likelihood":
                if not isinstance(self.generator, LikelihoodModel):
                    kind = self.config.generate.kind
                    raise UsageError(f"retrieve.rerank: likelihood needs generate of kind causal_lm, got {kind}")
                return rerank.LikelihoodScorer(self.generator)
            case _:
                return None

    @cached_property
    def generator(self) -> Generator:
        """The `generate` stage."""
        spec: Any = self.config.generate
        if isinstance(spec, CustomSpec):
            own: Generator = spec.build()
            return own
        from ragqa.generate import build_generator

        return build_generator(spec)

    def likelihood_model(self) -> LikelihoodModel:
        """Return the generator as what `score` asks.

        :raises UsageError: it does not tell.
        """
        from ragqa.stages import LikelihoodModel

        if not isinstance(self.generator, LikelihoodModel):
            raise UsageError(
                f"the likelihood of an answer needs generate of kind causal_lm, got {self.config.generate.kind}"
            )
        return self.generator

    @cached_property
    def prompter(self) -> Prompter:
        """The `prompt` stage, for the generator's window."""
        from ragqa.prompt import Prompter

        return Prompter(self.config.prompt, self.generator, self.config.generate.max_new_tokens, self._examples)

    @cached_property
    def _examples(self) -> Examples:
        from ragqa.prompt.examples import Examples, read_pairs

        spec = self.config.prompt
        pairs = read_pairs(Path(spec.examples), spec.examples_split) if spec.examples else []
        seed = spec.examples_seed if spec.select == "random" else None
        return Examples(pairs, spec.n_examples, self.embedder if spec.select == "similar" else None, seed=seed)
