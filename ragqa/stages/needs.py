"""The Protocol of the object through which the builder of a part gets other parts of its pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from ragqa.config import Config
    from ragqa.config.base import Spec
    from ragqa.stages import Embedder, Generator, LikelihoodModel

Made = TypeVar("Made")


class Needs(Protocol):
    """Gives the builder of a kind the other parts of its pipeline. Each is built when it is first requested."""

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
        """Return the generator as a `LikelihoodModel`.

        :param who: the name of the caller for the error.
        :raises UsageError: the generator is not a `LikelihoodModel`.
        """
        ...

    def build(self, spec: Spec) -> Any:
        """Return the part described by a spec that is nested in the builder's own spec."""
        ...

    def once(self, name: str, spec: Spec, make: Callable[[], Made]) -> Made:
        """Return the result of `make`, which is called once for all pipelines that share this spec and all models."""
        ...
