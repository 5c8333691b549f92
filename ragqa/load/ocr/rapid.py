"""RapidOCR with the models inside its package. It runs in the sandbox.

The models know the Latin and the Chinese scripts in one; languages are not chosen.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from importlib.util import find_spec
from statistics import median
from typing import Any

from ragqa.errors import RejectedError
from ragqa.load import reading_order

_NEEDED = ("rapidocr", "onnxruntime")
_SETTINGS = {
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Global.log_level": "critical",
}

_TALL = 1.5
"""A box that is so much higher than wide has a line that lies."""
_LOOKED_AT = 5
"""The lines, the longest of a page, by which it is told whether it stands on its head."""
_PROSE = 0.25
"""The part of the width of the text from which on a line is one of prose, in up to three columns."""


def version() -> str:
    """Return the version of the package; empty where it, or what runs its models, is not installed."""
    if not all(find_spec(name) for name in _NEEDED):
        return ""
    try:
        return installed("rapidocr")
    except PackageNotFoundError:
        return ""


@dataclass(frozen=True, slots=True)
class _Box:
    """The place of a line of text on the page."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, corners: Sequence[Sequence[float]]) -> _Box:
        """Return the upright box around four corners."""
        across, down = [x for x, _ in corners], [y for _, y in corners]
        return cls(min(across), min(down), max(across), max(down))

    @property
    def width(self) -> float:
        """Return how wide it is."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Return how high it is."""
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        """Return how far down its middle is."""
        return (self.top + self.bottom) / 2


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
        with _deadline(seconds):
            found = self._engine(_pixels(image), use_det=True, use_cls=True, use_rec=True)
            if not found.txts:
                return "", 0.0
            boxes = self._upright(image, [_Box.around(corners) for corners in found.boxes.tolist()])
        lengths = [len(each) for each in found.txts]
        total = sum(map(float.__mul__, map(float, found.scores), map(float, lengths)))
        return _lines(found.txts, boxes), total / max(1, sum(lengths))

    def _upright(self, image: Any, boxes: Sequence[_Box]) -> list[_Box]:
        """Return the boxes as they are on the page when it is turned so that it can be read.

        The engine reads a line that lies or stands on its head, but leaves it where it is.
        """
        if 2 * sum(box.height > _TALL * box.width for box in boxes) > len(boxes):
            boxes = [_Box(box.top, image.width - box.right, box.bottom, image.width - box.left) for box in boxes]
            image = image.rotate(90, expand=True)
        longest = sorted(boxes, key=lambda box: -box.width)[:_LOOKED_AT]
        if 2 * sum(self._on_its_head(image, box) for box in longest) > len(longest):
            across, down = image.size
            boxes = [_Box(across - box.right, down - box.bottom, across - box.left, down - box.top) for box in boxes]
        return list(boxes)

    def _on_its_head(self, image: Any, box: _Box) -> bool:
        line = image.crop((box.left, box.top, box.right, box.bottom))
        found = self._engine(_pixels(line), use_det=False, use_cls=True, use_rec=False)
        return any(str(label) == "180" for label, _ in found.cls_res or ())


def _pixels(image: Any) -> Any:
    """Return an image as an array, in OpenCV's order of colours."""
    import numpy as np

    return np.asarray(image.convert("RGB"))[:, :, ::-1]


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


def _lines(texts: Sequence[str], boxes: Sequence[_Box]) -> str:
    """Return the texts as lines.

    Where most of them are as long as lines of prose are, columns are read one after the other. Else boxes beside one
    another are one line, as the cells of a row of a table are.
    """
    across = max(box.right for box in boxes) - min(box.left for box in boxes)
    if median(box.width for box in boxes) > _PROSE * across:
        places = (reading_order.Box(*map(round, (box.left, box.top, box.width, box.height))) for box in boxes)
        return "\n".join(reading_order.in_reading_order(list(zip(texts, places, strict=True))))
    height = median(box.height for box in boxes)
    rows: list[list[tuple[_Box, str]]] = []
    for box, text in sorted(zip(boxes, texts, strict=True), key=lambda each: each[0].middle):
        if rows and box.middle - rows[-1][-1][0].middle < height / 2:
            rows[-1].append((box, text))
        else:
            rows.append([(box, text)])
    return "\n".join(" ".join(text for _, text in sorted(row, key=lambda each: each[0].left)) for row in rows)
