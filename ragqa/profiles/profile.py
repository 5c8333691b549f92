"""The packaged profiles and their files; the models and the extra that each of them needs."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ragqa import arguments, models
from ragqa.config.slots import Extra
from ragqa.errors import UsageError
from ragqa.kinds import load_config
from ragqa.messages import nearest
from ragqa.models import Card

NAMES = ("small", "better", "endpoint")
"""The packaged profiles, from the least demanding on; `endpoint` is chosen by the user alone."""
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile, and what it needs before it can answer.

    :param name: one of `NAMES`.
    :param file: its pipeline file; `load.path` and `index.path` are replaced.
    :param cards: the cards of its models.
    :param extra: the optional dependency of its generator; None where it needs none.
    """

    name: str
    file: Path
    cards: tuple[Card, ...]
    extra: Extra | None

    @property
    def missing(self) -> tuple[Card, ...]:
        """The models that are not in the cache."""
        return tuple(card for card in self.cards if not card.installed)

    @property
    def missing_extra(self) -> Extra | None:
        """The extra whose library is not installed; it is looked for without being imported."""
        absent = self.extra is not None and importlib.util.find_spec(self.extra.library) is None
        return self.extra if absent else None


def read_profile(name: str) -> Profile:
    """Return a packaged profile, with the state of its models. No model library is imported.

    :param name: one of `NAMES`.
    """
    file = profile_file(name)
    config = load_config(file)
    uses = [use for _, spec in config.parts() if (use := spec.model_use()) is not None]
    cards = {use.model: models.card(use.model, use.revision) for use in uses}
    return Profile(name, file, tuple(cards.values()), config.generate.extra)


def profile_file(name: str) -> Path:
    """Return the file of a packaged profile, or a pipeline file of the user's own that is to serve as one.

    :param name: one of `NAMES`, or the path of a file whose name ends in .yaml or .yml.
    :raises UsageError: there is no such profile, or no such file.
    """
    if name in NAMES:
        return Path(str(files("ragqa.config") / "profiles" / f"{name}.yaml"))
    if not name.lower().endswith(_SUFFIXES):
        near = nearest(name, NAMES)
        hint = f"did you mean {near}? " if near else ""
        raise UsageError(f"profile: there is no {name!r}; {hint}valid: auto, {', '.join(NAMES)}, or a pipeline file")
    file = arguments.path(os.path.expanduser(name), "profile")
    if not file.is_file():
        raise UsageError(f"profile: no such file: {file}; valid: auto, {', '.join(NAMES)}, or a pipeline file")
    return file
