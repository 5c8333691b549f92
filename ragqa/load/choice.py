"""Which files of a folder are read, and as what. Files inside other files are chosen by the same rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import PurePosixPath
from typing import Any

from ragqa.load import skipped
from ragqa.load.formats import PLAIN, UNSUPPORTED
from ragqa.load.globs import FileGlobs, Globs


class Choice:
    """The choice of files by their relative paths.

    :param media_types: the media type of each suffix.
    :param documents: the media types that have a text.
    :param containers: the media types whose files hold other files.
    :param advice: for suffixes that are not read, how they could be.
    :raises UsageError: a glob is invalid.
    """

    def __init__(
        self,
        globs: FileGlobs,
        media_types: Mapping[str, str],
        documents: Collection[str],
        containers: Collection[str],
        advice: Mapping[str, str] | None = None,
    ) -> None:
        self._globs = globs
        self._include, self._exclude, self._as_text = map(Globs, (globs.include, globs.exclude, globs.as_text))
        self.media_types = media_types
        self.documents, self.containers = frozenset(documents), frozenset(containers)
        self._advice = dict(advice or {})

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Choice:
        """Return the choice of which `plain` are the data."""
        return cls(
            FileGlobs(**plain["globs"]), plain["media_types"], plain["documents"], plain["containers"], plain["advice"]
        )

    def plain(self) -> dict[str, Any]:
        """Return this choice as JSON data."""
        globs = {name: list(getattr(self._globs, name)) for name in ("include", "exclude", "as_text")}
        kinds = {"documents": sorted(self.documents), "containers": sorted(self.containers)}
        return {"globs": globs, "media_types": dict(self.media_types), "advice": self._advice, **kinds}

    def wanted(self, relative: str) -> bool:
        """Tell whether a file is to be read."""
        return (not self._include or self._include.match(relative)) and not self._exclude.match(relative)

    def entered(self, relative: str) -> bool:
        """Tell whether to look into a folder, or into a file that holds others."""
        return not self._exclude.match(relative + "/")

    def named(self, relative: str) -> bool:
        """Tell whether a glob of the user chooses a file or a folder."""
        return self._include.match(relative) or self._as_text.match(relative)

    def folder_reason(self, below: str, names: Collection[str] = ()) -> str:
        """Return the reason why a folder is skipped; empty where it is read.

        :param below: its path with a slash at its end; empty for the loaded folder itself.
        :param names: of the files in it.
        """
        return "" if not below or self.named(below) else skipped.folder_reason(PurePosixPath(below).name, names)

    def file_reason(self, relative: str) -> str:
        """Return the reason why a file is skipped by its name; empty where it is read."""
        return "" if self.named(relative) else skipped.file_reason(PurePosixPath(relative).name)

    def content_reason(self, relative: str, read: Callable[[int], bytes]) -> str:
        """Return the reason why a file is skipped by its content; empty where it is read.

        :param read: returns the first bytes of the file.
        """
        suffix = PurePosixPath(relative).suffix.lower()
        if suffix not in skipped.PIPELINE_SUFFIXES or self.named(relative):
            return ""
        return skipped.pipeline_reason(read(skipped.BEGINNING_BYTES))

    def media_type(self, relative: str) -> str | None:
        """Return the media type of a file; None where it is not known."""
        return PLAIN if self._as_text.match(relative) else self.media_types.get(PurePosixPath(relative).suffix.lower())

    def unsupported(self, relative: str) -> str:
        """Return the reason why a file of a type that is not known is not read."""
        suffix = PurePosixPath(relative).suffix
        return "; ".join(filter(None, (f"{UNSUPPORTED} {suffix or '(no suffix)'}", self._advice.get(suffix.lower()))))

    def holds_others(self, media_type: str | None) -> bool:
        """Tell whether files of a type hold other files."""
        return media_type in self.containers

    def has_text(self, media_type: str | None) -> bool:
        """Tell whether files of a type have a text."""
        return media_type in self.documents
