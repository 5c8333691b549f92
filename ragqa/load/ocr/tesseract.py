"""Tesseract by its C interface (capi.h), which is the same in versions 4 and 5. It runs in the sandbox.

The library is that of the system, which the `tesseract` program needs too, or the one inside the package `tesserocr`. The
program itself cannot be used: the sandbox starts no other process.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ragqa.errors import RejectedError
from ragqa.sandbox import language_data

_NAMES = ("libtesseract.so.5", "libtesseract.so.4", "libtesseract.5.dylib", "libtesseract.4.dylib")
_FOLDERS = ("/opt/homebrew/lib", "/usr/local/lib", f"{sys.prefix}/lib")
_LSTM_ONLY, _AUTOMATIC = 1, 3
"""Of capi.h: the engine mode, and the mode of page segmentation without detection of the orientation."""

_HANDLE, _INT, _TEXT = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "TessVersion": (_TEXT, []),
    "TessBaseAPICreate": (_HANDLE, []),
    "TessBaseAPIInit2": (_INT, [_HANDLE, _TEXT, _TEXT, _INT]),
    "TessBaseAPISetPageSegMode": (None, [_HANDLE, _INT]),
    "TessBaseAPISetImage": (None, [_HANDLE, _TEXT, _INT, _INT, _INT, _INT]),
    "TessBaseAPISetSourceResolution": (None, [_HANDLE, _INT]),
    "TessBaseAPIRecognize": (_INT, [_HANDLE, _HANDLE]),
    "TessBaseAPIGetUTF8Text": (_HANDLE, [_HANDLE]),
    "TessBaseAPIMeanTextConf": (_INT, [_HANDLE]),
    "TessBaseAPIClear": (None, [_HANDLE]),
    "TessDeleteText": (None, [_HANDLE]),
    "TessMonitorCreate": (_HANDLE, []),
    "TessMonitorDelete": (None, [_HANDLE]),
    "TessMonitorSetDeadlineMSecs": (None, [_HANDLE, _INT]),
}


@cache
def library() -> ctypes.CDLL | None:
    """Return the library with the types of its functions; None where there is none that has them all."""
    for path in _candidates():
        try:
            loaded = ctypes.CDLL(path)
            for name, (result, arguments) in _FUNCTIONS.items():
                function = getattr(loaded, name)
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError):
            continue
        return loaded
    return None


def _candidates() -> Iterator[str]:
    yield from _NAMES
    yield from (os.path.join(folder, name) for folder in _FOLDERS for name in _NAMES)
    wrapper = find_spec("tesserocr")
    if wrapper is not None and wrapper.origin:
        package = Path(wrapper.origin).parent
        for folder in (package.parent / "tesserocr.libs", package / ".dylibs"):
            yield from sorted(map(str, folder.glob("libtesseract*"))) if folder.is_dir() else ()


def version() -> str:
    """Return the version of the library; empty where there is none."""
    loaded = library()
    return "" if loaded is None else str(loaded.TessVersion().decode("ascii", "replace")).split("-")[0]


class Tesseract:
    """The engine with the data of some languages.

    :raises RejectedError: there is no library, or no data for these languages.
    """

    def __init__(self, languages: Sequence[str]) -> None:
        loaded = library()
        if loaded is None:
            raise RejectedError("OCR: Tesseract's library cannot be loaded")
        self._library = loaded
        self._handle = loaded.TessBaseAPICreate()
        folder = language_data.folder_with(list(languages))
        if loaded.TessBaseAPIInit2(self._handle, os.fsencode(folder), "+".join(languages).encode(), _LSTM_ONLY):
            raise RejectedError(f"OCR: Tesseract cannot use its language data for {', '.join(languages)}")
        loaded.TessBaseAPISetPageSegMode(self._handle, _AUTOMATIC)

    def read(self, image: Any, dpi: int, seconds: float) -> tuple[str, float]:
        """Return the text of an image, and the mean confidence of its words, 0 to 1.

        :param image: of Pillow.
        :param dpi: its resolution; 0 where it is not known.
        :raises RejectedError: it takes longer than the given time.
        """
        grey = image.convert("L")
        engine = self._library
        engine.TessBaseAPISetImage(self._handle, grey.tobytes(), grey.width, grey.height, 1, grey.width)
        if dpi:
            engine.TessBaseAPISetSourceResolution(self._handle, dpi)
        monitor = engine.TessMonitorCreate()
        engine.TessMonitorSetDeadlineMSecs(monitor, max(1, int(1000 * seconds)))
        try:
            if engine.TessBaseAPIRecognize(self._handle, monitor):
                raise RejectedError(f"more than {seconds:g} s")
            pointer = engine.TessBaseAPIGetUTF8Text(self._handle)
            text = ctypes.string_at(pointer).decode("utf-8", "replace") if pointer else ""
            engine.TessDeleteText(pointer)
            return text, max(0, engine.TessBaseAPIMeanTextConf(self._handle)) / 100 if text.strip() else 0.0
        finally:
            engine.TessMonitorDelete(monitor)
            engine.TessBaseAPIClear(self._handle)
