"""RapidOCR with the models inside its package. It runs in the sandbox.

The models know the Latin and the Chinese scripts in one; languages are not chosen.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from importlib.util import find_spec
from statistics import median
from typing import Any

from ragqa.errors import RejectedError

_NEEDED = ("rapidocr", "onnxruntime")
_SETTINGS = {
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Global.log_level": "critical",
}


def version() -> str:
    """Return the version of the package; empty where it, or what runs its models, is not installed."""
    if not all(find_spec(name) for name in _NEEDED):
        return ""
    try:
        return installed("rapidocr")
    except PackageNotFoundError:
        return ""


class Rapid:
    """The engine with its models."""

    def __init__(self) -> None:
        from rapidocr import RapidOCR

        self._engine = RapidOCR(params=_SETTINGS)

    def read(self, image: Any, dpi: int, seconds: float) -> tuple[str, float]:
        """Return the text of an image, and the mean confidence of its lines, 0 to 1, by their lengths.

        :param image: of Pillow.
        :param dpi: not used.
        :raises RejectedError: it takes longer than the given time.
        """
        import numpy as np

        with _deadline(seconds):
            found = self._engine(np.asarray(image.convert("RGB"))[:, :, ::-1])  # OpenCV's order of colours
        if not found.txts:
            return "", 0.0
        lengths = [len(each) for each in found.txts]
        total = sum(map(float.__mul__, map(float, found.scores), map(float, lengths)))
        return _lines(found.txts, found.boxes), total / max(1, sum(lengths))


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raise an error in this thread after a time. The alarm is looked at between two steps of the engine."""

    def stop(number: int, frame: object) -> None:
        raise RejectedError(f"more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _lines(texts: Sequence[str], boxes: Any) -> str:
    """Return the texts as lines. Boxes beside one another are one line, as the cells of a row of a table are."""
    places = [
        (min(y for _, y in box), max(y for _, y in box), min(x for x, _ in box), text)
        for text, box in zip(texts, boxes.tolist(), strict=True)
    ]
    places.sort(key=lambda place: place[0] + place[1])
    height = median(bottom - top for top, bottom, _, _ in places)
    rows: list[list[tuple[float, float, float, str]]] = []
    for place in places:
        middle = (place[0] + place[1]) / 2
        if rows and abs(middle - sum(rows[-1][-1][:2]) / 2) < height / 2:
            rows[-1].append(place)
        else:
            rows.append([place])
    return "\n".join(" ".join(text for *_, text in sorted(row, key=lambda place: place[2])) for row in rows)
