"""What the builder of a part may ask of the pipeline that the part is built for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from ragqa.config import Config
    from ragqa.config.base import Spec
    from ragqa.stages import Embedder, Generator, LikelihoodModel

Made = TypeVar("Made")


class Needs(Protocol):
    """What the builder of a kind may ask for. Whatever it asks for is built then, if it was not built before."""

    @property
    def config(self) -> Config:
        """Return the pipeline file."""
        ...

    @property
    def embedder(self) -> Embedder:
        """Return the `embed` stage, which is a `TokenCounter` too."""
        ...

    @property
    def generator(self) -> Generator:
        """Return the `generate` stage."""
        ...

    def likelihood_model(self, who: str) -> LikelihoodModel:
        """Return the generator as one that tells likelihoods; `who` asks is named in the error.

        :raises UsageError: it does not tell.
        """
        ...

    def build(self, spec: Spec) -> Any:
        """Return the part that a spec inside the builder's own describes."""
        ...

    def once(self, name: str, spec: Spec, make: Callable[[], Made]) -> Made:
        """Return what `make` makes, made once for pipelines that share this spec and all models."""
        ...
