"""The engines for OCR, and the choice of one. It runs in the sandbox, where what it finds can be used."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

from ragqa.errors import RejectedError
from ragqa.load.ocr import rapid, tesseract
from ragqa.sandbox import language_data


class Engine(Protocol):
    """What reads the text of an image."""

    def read(self, image: Any, dpi: int, seconds: float) -> tuple[str, float]:
        """Return the text of an image, and the confidence, 0 to 1.

        :raises RejectedError: it takes longer than the given time.
        """
        ...


def find(data: bytes, *, languages: list[str]) -> dict[str, str]:
    """Return the name and version of the engine as `engine`, or as `missing` what to do where there is none.

    :param data: not used.
    :param languages: Tesseract is taken where it has the data of all of them.
    """
    here, other = tesseract.version(), rapid.version()
    if here and language_data.folder_with(languages):
        return {"engine": f"tesseract-{'+'.join(languages).replace('/', '.')}/{here}"}
    if other:
        return {"engine": f"rapidocr/{other}"}
    if here:
        return {"missing": f"Tesseract has no language data for {', '.join(languages)}: install them"}
    return {"missing": "no OCR engine: install Tesseract, or `pip install 'ragqa[ocr]'`"}


def engine(name: str, languages: Sequence[str]) -> Engine:
    """Return the engine of a name that `find` returned. It is loaded once in a process.

    :raises RejectedError: it cannot be loaded.
    """
    try:
        return _loaded(re.split("[-/]", name)[0], tuple(languages))
    except ImportError as error:
        raise RejectedError(f"OCR: the engine cannot be loaded: {error}") from error


@cache
def _loaded(kind: str, languages: tuple[str, ...]) -> Engine:
    return tesseract.Tesseract(languages) if kind == "tesseract" else rapid.Rapid()
