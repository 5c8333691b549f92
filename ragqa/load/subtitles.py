"""Subtitles (SubRip, WebVTT) -> what is said, a line for each line that is shown, with its time as its place."""

from __future__ import annotations

import html
import re
from collections import Counter
from typing import Any

from ragqa.errors import RejectedError
from ragqa.records import Extracted

_TIMES = re.compile(
    r"[ \t]*(?:(\d{1,4}):)?(\d{1,2}):(\d{2})[.,]\d{1,3}[ \t]*-->[ \t]*(?:\d{1,4}:)?\d{1,2}:\d{2}[.,]\d{1,3}(?:[ \t].*)?"
)
_VOICE = re.compile(r"<v(?:\.[\w.-]*)?[ \t]+([^>]*)>")
_MARKS = re.compile(r"</?[A-Za-z\d][^<>]*>|\{\\[^{}]*\}|\{[^{}]*\\an\d[^{}]*\}")
"""Tags of style, voice, ruby and time, and the codes of older programs, such as `{\\an8}`."""
_BLOCK = re.compile(r"(NOTE|STYLE|REGION)(?:[ \t].*)?")


def extract(text: str) -> Extracted:
    """Return what is said. A line that a cue repeats from the one before it stands once, as live captions repeat lines.

    Metadata: `places`, a list of `[offset, "hours:minutes:seconds"]`; `not_read`, the number of notes.

    :raises RejectedError: the file has no cue.
    """
    lines: list[str] = []
    places: list[list[Any]] = []
    not_read: Counter[str] = Counter()
    shown: list[str] = []
    said: list[str] = []
    offset = cues = 0
    block, in_cue, place = "", False, ""
    for line in text.removeprefix("\ufeff").splitlines():
        if times := _TIMES.fullmatch(line):
            cues, in_cue, block = cues + 1, True, ""
            place = f"{int(times[1] or 0):02}:{int(times[2]):02}:{times[3]}"
            shown, said = [], shown
        elif not line.strip():
            in_cue, block = False, ""
        elif in_cue:
            own = _plain(line)
            if own and own not in said:
                if not places or places[-1][1] != place:
                    places.append([offset, place])
                lines.append(own)
                offset += len(own) + 1
            shown.append(own)
        elif not block and (note := _BLOCK.fullmatch(line)):
            block = note[1]
            not_read["notes"] += block == "NOTE"
    if not cues:
        raise RejectedError("no cue: not subtitles in SubRip or WebVTT")
    metadata = {"headings": [], "places": places} | ({"not_read": dict(not_read)} if not_read["notes"] else {})
    return Extracted("\n".join(lines), metadata=metadata)


def _plain(line: str) -> str:
    """Return a line of a cue without its marks; a voice is the name of who speaks."""
    line = _VOICE.sub(lambda voice: f"{voice[1].strip()}: ", line)
    return " ".join(html.unescape(_MARKS.sub("", line)).split())
