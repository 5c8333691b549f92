"""The kinds of training objective, as frozen data."""

from __future__ import annotations

from typing import Literal

from ragqa.config.slots import ObjectiveSpec


class NextTokenObjective(ObjectiveSpec):
    """Predict each token of the texts from those before it."""

    kind: Literal["next_token"]
