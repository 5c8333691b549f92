"""Where Tesseract's language data lie. The child may read these files; nothing else of their folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "TESSDATA_PREFIX"
"""The variable by which Tesseract's users name a folder of language data."""
_SUFFIX = ".traineddata"
_FOLDERS = (
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tessdata",
    "/usr/share/tesseract/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
    f"{sys.prefix}/share/tessdata",
)


def folders() -> list[str]:
    """Return the folders that may have language data; that of the variable comes first."""
    named = os.environ.get(VARIABLE, "")
    own = [named, os.path.join(named, "tessdata")] if os.path.isabs(named) else []
    return [*own, *_FOLDERS]


def files() -> list[str]:
    """Return the files with language data in these folders, those of scripts in their folder `script` included."""
    found: list[str] = []
    for folder in folders():
        for place in (Path(folder), Path(folder, "script")):
            try:
                found += [str(each) for each in place.iterdir() if each.suffix == _SUFFIX]
            except OSError:
                continue
    return found


def folder_with(languages: list[str]) -> str:
    """Return the first folder that has the data of all of these languages; empty where there is none."""
    for folder in folders():
        if all(os.path.isfile(os.path.join(folder, each + _SUFFIX)) for each in languages):
            return folder
    return ""
