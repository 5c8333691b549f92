"""Chooses the profile of a folder: the one that the user names, else the best one that this machine can run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ragqa import arguments, machine, settings
from ragqa.models import Card
from ragqa.profiles.figures import FIGURES, Figures
from ragqa.profiles.profile import NAMES, Profile, profile_file, read_profile

AUTO = "auto"
"""In place of a profile's name: the best one that this machine can run."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A chosen profile, and why it was chosen; as a string, both in one line.

    :param name: one of `NAMES`, or the path of a file of the user's own.
    """

    name: str
    file: Path
    reason: str

    def __str__(self) -> str:
        return f"profile {self.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a profile cannot answer on this machine.

    :param kind: `machine` where memory or cores are too few; `install` where models or an extra are missing.
    """

    kind: Literal["machine", "install"]
    text: str


def choose(wanted: str | None = None) -> Choice:
    """Return the profile for a folder: `wanted`, else the user's setting `profile`, else the best that runs here.

    The best is `better` if the machine has the memory and the cores for it and all that it needs is installed, and
    `small` otherwise. No model library is imported, and nothing is downloaded.

    :param wanted: one of `NAMES`, the path of a pipeline file, or `auto`, which overrides the setting; None to follow it.
    :raises UsageError: there is no such profile.
    """
    if wanted is not None:
        return _named(arguments.text(wanted, "profile", f"one of {', '.join(NAMES)}, or a path"), "asked for")
    setting = next(each for each in settings.listing() if each.name == "profile")
    by = "RAGQA_PROFILE" if setting.origin == "environment" else str(setting.path)
    return _named(str(setting.value), f"set by {by}")


def obstacle(profile: Profile) -> Obstacle | None:
    """Return why a profile cannot answer on this machine; None where it can.

    What must be installed is named with the command, and with what that brings.
    """
    figures = FIGURES.get(profile.name)
    if figures and (short := _too_small(profile.name, figures)):
        return Obstacle("machine", short)
    text = "; then ".join(_installs(profile))
    return Obstacle("install", text) if text else None


def _named(name: str, reason: str) -> Choice:
    if name == AUTO:
        return _best()
    file = profile_file(name)
    if name == "endpoint":
        reason += "; --set generate.base_url=URL and --set generate.model=NAME say which"
    return Choice(name, file, reason)


def _best() -> Choice:
    """Return the best profile whose needs are met; the smallest one has its reason from what keeps the next one away."""
    small, better = read_profile("small"), read_profile("better")
    hindrance = obstacle(better)
    if hindrance is not None:
        return Choice(small.name, small.file, hindrance.text)
    return Choice(better.name, better.file, "its models are here; `--profile small` answers several times faster")


def _too_small(name: str, figures: Figures) -> str:
    """Return what the machine has too little of; empty where it has enough."""
    memory, cores = machine.available_memory(), machine.cores()
    if memory < figures.memory:
        return f"{name} needs {_size(figures.memory)} of memory, {_size(memory)} are free"
    if cores < figures.cores:
        return f"{name} needs {_count(figures.cores, 'core')} to answer in seconds, and may use {cores}"
    return ""


def _installs(profile: Profile) -> Iterator[str]:
    """Yield what must be installed for a profile, each with its command."""
    if missing := profile.missing:
        brings = ", ".join([f"{_size(sum(card.size for card in missing))} to download", *_gains(profile.name)])
        them = "it" if len(missing) == 1 else "them"
        yield f"{_are_missing(missing)}; `ragqa models pull {profile.name}` brings {them}: {brings}"
    if extra := profile.missing_extra:
        prefix = "" if missing else f"{profile.name} needs an extra: "
        yield f"{prefix}`{extra.command}`"


def _gains(name: str) -> Iterator[str]:
    """Yield what a profile needs and how well it answers, beside the smallest one."""
    figures, small = FIGURES.get(name), FIGURES["small"]
    if figures is None or name == "small":
        return
    yield f"{_size(figures.memory)} of memory"
    yield f"{figures.seconds:g} s an answer instead of {small.seconds:g}"
    yield f"{figures.counts}, instead of {small.right} and {small.wrong}"


def _are_missing(cards: Sequence[Card]) -> str:
    names = " and ".join(card.name for card in cards)
    return f"{names} {'is' if len(cards) == 1 else 'are'} not pulled"


def _size(count: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
