"""Builds the parts of one pipeline file, each by its kind when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ragqa import forks, settings, stages
from ragqa.arguments import wrong_type
from ragqa.config import Config
from ragqa.config.base import Spec
from ragqa.errors import ConfigError, RagqaError, UsageError
from ragqa.records import Chunk, Hit
from ragqa.stopping import StoppableLock

if TYPE_CHECKING:
    from ragqa.stages import (
        Embedder,
        Generator,
        Index,
        LikelihoodModel,
        Loader,
        PassageReader,
        Prompter,
        Retriever,
        Splitter,
        Vectors,
    )
    from ragqa.train.objectives import Objective

Made = TypeVar("Made")

_PROTOCOLS: dict[str, type] = {
    "load": stages.Loader,
    "format": stages.FileFormat,
    "split": stages.Splitter,
    "embed": stages.Embedder,
    "index": stages.Index,
    "retrieve": stages.Retriever,
    "rerank": stages.Scorer,
    "rewrite": stages.Rewriter,
    "prompt": stages.Prompter,
    "generate": stages.Generator,
    "constraint": stages.Constraint,
    "reader": stages.PassageReader,
}
"""The Protocol that a part of each slot must meet."""

_PARTS = {
    "loader": "load",
    "splitter": "split",
    "embedder": "embed",
    "index": "index",
    "retriever": "retrieve",
    "prompter": "prompt",
    "generator": "generate",
}
"""The section of each part."""

_MODELS = ("embed", "generate")
"""The sections whose parts hold models, so that pipelines share them."""

_DEPENDS: dict[str, tuple[str, ...]] = {
    "embed": (),
    "reader": (),
    "generate": (),
    "examples": ("embed",),
    "canaries": ("embed",),
    "made_vectors": ("embed",),
}
"""The models that a shared part may depend on besides its own spec; both where a part is not listed."""


class Components:
    """The parts of one pipeline file. Any of them may be replaced by an object that meets its Protocol.

    It is what a builder `Needs`. `lock` is held by whoever works with the parts: several threads may use a pipeline,
    and pipelines that share a part. `over_other_documents` is True where the documents are not those that the file
    names.
    """

    def __init__(self, config: Config) -> None:
        if not isinstance(config, Config):
            wanted = "what load_config returns, or use Pipeline.from_file(path) or Pipeline.from_folder(path)"
            raise wrong_type("config", config, wanted)
        settings.apply_threads()
        self.config = config
        self.lock = StoppableLock()
        self.over_other_documents = False
        self._specs = {name: repr(spec) for name, spec in config.sections().items()}
        self._own: dict[str, Any] = {}  # by section: parts of this pipeline alone, and those that were replaced
        self._shared: dict[tuple[str, ...], Any] = {}  # by the specs that a part is made of
        self._replaced: set[str] = set()
        self._ahead = False

    @property
    def loader(self) -> Loader:
        """Return the `load` stage."""
        return cast("Loader", self._section("load"))

    @property
    def splitter(self) -> Splitter:
        """Return the `split` stage, which counts tokens with the embedder's tokenizer."""
        return cast("Splitter", self._section("split"))

    @property
    def embedder(self) -> Embedder:
        """Return the `embed` stage."""
        return cast("Embedder", self._section("embed"))

    @property
    def index(self) -> Index:
        """Return the `index` stage."""
        return cast("Index", self._section("index"))

    @property
    def retriever(self) -> Retriever:
        """Return the `retrieve` stage."""
        return cast("Retriever", self._section("retrieve"))

    @property
    def prompter(self) -> Prompter:
        """Return the `prompt` stage, for the generator's window."""
        return cast("Prompter", self._section("prompt"))

    @property
    def generator(self) -> Generator:
        """Return the `generate` stage."""
        return cast("Generator", self._section("generate"))

    @property
    def passage_reader(self) -> PassageReader | None:
        """Return the reader of passages; None where the file names none."""
        spec = self.config.prompt.reader
        return None if spec is None else cast("PassageReader", self.build(spec))

    def generator_with(self, **settings: Any) -> Generator:
        """Return the generator with other settings for keys that its section has; return a replaced one unchanged."""
        spec = self.config.generate
        changes = {key: value for key, value in settings.items() if key in type(spec).model_fields}
        if "generate" in self._replaced or not changes:
            return self.generator
        return cast("Generator", self.build(spec.model_copy(update=changes)))

    def replace(self, **parts: Any) -> None:
        """Use these objects in place of what the file describes: `replace(generator=mine)`.

        :raises UsageError: there is no such part.
        :raises UsageTypeError: an object lacks what its stage needs.
        """
        for name, part in parts.items():
            if name not in _PARTS:
                raise UsageError(f"replace: there is no part {name!r}; valid: {', '.join(_PARTS)}")
            section = _PARTS[name]
            protocol = _PROTOCOLS[section]
            if missing := _missing(part, protocol):
                raise wrong_type(f"replace: {name}", part, f"a {protocol.__name__}, with {', '.join(missing)}")
            self._own[section] = part
            self._replaced.add(section)
            if section in _MODELS:  # a part that was made with the model of the file is not used with this one
                spec = self._specs[section]
                self._shared = {key: made for key, made in self._shared.items() if spec not in key}

    @property
    def roots(self) -> list[Path]:
        """The folders and files that are loaded; none where documents do not come from files."""
        return [] if "load" in self._replaced else [Path(root) for root in self.config.load.roots]

    @property
    def identity(self) -> dict[str, str]:
        """The identity of the index: the fields of the embedder's identity, and the splitter."""
        forks.check()
        return {**self.embedder.identity, "dim": str(self.embedder.dim), "splitter": self.splitter.fingerprint}

    @property
    def canaries(self) -> Vectors:
        """The embedder's vectors of `CANARIES`, which an index compares with the stored ones."""
        return self.once("canaries", self.config.embed, lambda: self.embedder.embed_passages(stages.CANARIES))

    @property
    def made_vectors(self) -> dict[str, Vectors]:
        """Vectors of texts that had none in an index when a question was asked, by text; `embed_pending` commits them."""
        return self.once("made_vectors", self.config.embed, dict)

    def train_objective(self, name: str) -> Objective:
        """Return a training objective by the name of its kind, with the defaults of its settings.

        :raises UsageError: there is no such kind, or one of its settings has no default.
        """
        kind = self.config.kinds.find("objective", name)
        spec = kind.default() if kind else None
        if spec is None:
            raise UsageError(
                f"objective {name!r} is none that can be made; valid: {', '.join(self.config.kinds.names('objective'))}"
            )
        return cast("Objective", self.make(spec))

    def likelihood_model(self, who: str) -> LikelihoodModel:
        """Return the generator as a `LikelihoodModel`.

        :param who: the name of the caller for the error.
        :raises UsageError: the generator is not a `LikelihoodModel`.
        """
        if not isinstance(self.generator, stages.LikelihoodModel):
            raise UsageError(f"{who} needs generate of kind causal_lm, got {self.config.generate.kind}")
        return self.generator

    def score(self, prompt: str, answer: str) -> list[float]:
        """Return the natural log-probability of each of an answer's tokens after a prompt."""
        separator = "" if prompt[-1:].isspace() else " "
        with self.lock.held():
            return self.likelihood_model("the likelihood of an answer").log_likelihoods([(prompt, separator + answer)])[
                0
            ]

    def build(self, spec: Spec) -> Any:
        """Return the part that a spec describes, built once for all pipelines that share it.

        :raises ConfigError: the kind cannot build the part; the error has the position of the kind.
        """
        kind = self.config.kinds.of(spec)
        return self.once(kind.slot, spec, lambda: self.make(spec))

    def make(self, spec: Spec) -> Any:
        """Return a new part for a spec, without the cache of `build`."""
        kind = self.config.kinds.of(spec)
        try:
            part = kind.build(spec, self)
        except (RagqaError, MemoryError, OSError):
            raise
        except Exception as error:
            raise self._cannot_build(spec, f"{type(error).__name__}: {error}") from error
        protocol = _PROTOCOLS.get(kind.slot)
        missing = _missing(part, protocol) if protocol else []
        if protocol and missing:
            what = (
                f"it builds {type(part).__name__}, which lacks {', '.join(missing)} of ragqa.stages.{protocol.__name__}"
            )
            raise self._cannot_build(spec, what)
        return part

    def once(self, name: str, spec: Spec, make: Callable[[], Made]) -> Made:
        """Return the result of `make`, called once for this spec and the models that the part may depend on."""
        key = (name, repr(spec), *(self._specs[section] for section in _DEPENDS.get(name, _MODELS)))
        if key not in self._shared:
            self._shared[key] = make()
        return cast("Made", self._shared[key])

    def share(self, other: Components) -> None:
        """Have each model, and what is made with it alone, in common with another pipeline that describes it alike.

        Replaced parts of the other pipeline are used here too where the specs are equal, except its loader and index.
        """
        self.lock, self._shared = other.lock, other._shared
        for section in other._replaced - {"load", "index"}:
            if self._specs[section] == other._specs[section]:
                self._own[section] = other._own[section]
                self._replaced.add(section)

    def load_models(self, *, retrieval: bool = True, answers: bool = True) -> None:
        """Load the models that retrieval, answers or both need, so that the first question does not wait for them.

        :raises ModelError: a model is not installed.
        """
        parts = list[object]()
        if retrieval:
            nested = [spec for _, spec in self.config.retrieve.nested()]
            parts += [self.retriever, *map(self.build, nested)]
            parts += [self.generator] if any(spec.uses_generator for spec in nested) else []
            if self.config.retrieve.uses_vectors:
                self.canaries  # noqa: B018  # computing them loads the embedder
        if answers:
            parts += [self.generator, self.prompter, self.embedder]  # the embedder ranks the excerpts of passages
            parts += [self.passage_reader]
        for part in parts:
            if isinstance(part, stages.Loadable):
                part.load()
        if answers and isinstance(self.generator, stages.Loadable):
            self._read_shared_prompt()

    def load_ahead(self) -> None:
        """Let the generator begin to load its weights, once, if it can do that while passages are retrieved.

        A fault of it is raised where the generator is needed.
        """
        if self._ahead:
            return
        with self.lock.held(), suppress(RagqaError, MemoryError, OSError):
            self._ahead = True
            if isinstance(self.generator, stages.LoadableAhead):
                self.generator.load_ahead()

    def _read_shared_prompt(self) -> None:
        """Let the generator read a prompt, so that it caches the prefix that all prompts share; drop the output."""
        text = "The ferry leaves at noon."
        passage = Hit(Chunk("warm-up", "warm-up", 0, len(text), text), "warm-up", "", 1.0, {})
        for _ in self.generator.stream(self.prompter.build("When does the ferry leave?", [passage])):
            break

    def _section(self, name: str) -> Any:
        if name not in self._own:
            spec = getattr(self.config, name)
            if name in _MODELS:
                return self.build(spec)
            self._own[name] = self.make(spec)
        return self._own[name]

    def _cannot_build(self, spec: Spec, why: str) -> ConfigError:
        key = next((key for key, part in self.config.parts() if part is spec), ())
        message = f"kind {spec.kind} cannot be built: {why}"
        return ConfigError([self.config.source.problem((*key, "kind"), message)])


def _missing(part: object, protocol: type) -> list[str]:
    """Return the members of a Protocol that an object lacks. No member is called, and no property is evaluated."""
    names = [name for base in protocol.__mro__ for name in vars(base) if getattr(base, "_is_protocol", False)]
    public = dict.fromkeys(name for name in names if not name.startswith("_"))
    return [name for name in public if name not in getattr(part, "__dict__", {}) and not hasattr(type(part), name)]
