"""Draws lines over two logarithmic axes as an SVG that can be read on a light and on a dark page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 720, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 176, 44, 52
_LABEL_HEIGHT = 17
_COLOURS = (("#0072b2", "#56b4e9"), ("#c2410c", "#fb923c"), ("#00795a", "#34d399"), ("#9d2d76", "#f0a0d0"),
            ("#6b5b00", "#e2c93b"), ("#444444", "#cccccc"))  # fmt: skip
"""Of each line, on a light and on a dark page; told apart by those who do not see red or green."""
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "", "7 3")


def draw(title: str, x_title: str, y_title: str, lines: Mapping[str, Points]) -> str:
    """Return an SVG with a line for each name, labelled at its end; all values must be above 0."""
    points = [point for line in lines.values() for point in line]
    x = _Axis([point[0] for point in points], _LEFT, WIDTH - _RIGHT)
    y = _Axis([point[1] for point in points], HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        _style(),
        f'<text class="title" x="{_LEFT}" y="22">{escape(title)}</text>',
        *_grid(x, y),
        f'<text x="{(_LEFT + WIDTH - _RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x_title)}</text>',
        f'<text transform="translate(16 {(_TOP + HEIGHT - _BOTTOM) / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(y_title)}</text>",
        *_lines(x, y, lines),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


class _Axis:
    """A logarithmic axis from the first pixel to the last, whose ends are 1, 2 or 5 times a power of ten."""

    def __init__(self, values: Sequence[float], first: float, last: float) -> None:
        ticks = [m * 10.0**e for e in range(-6, 13) for m in (1, 2, 5)]
        low = max(tick for tick in ticks if tick <= min(values) * 1.001)
        high = min(tick for tick in ticks if tick >= max(values) * 0.999 and tick > low)
        self.ticks = [tick for tick in ticks if low <= tick <= high]
        self._low, self._range = math.log(low), math.log(high / low)
        self._first, self._span = first, last - first

    def at(self, value: float) -> float:
        """Return the pixel of a value."""
        return round(self._first + self._span * (math.log(value) - self._low) / self._range, 1)


def _style() -> str:
    light, dark = (
        "".join(f".l{i}{{stroke:{pair[shade]}}}.t{i}{{fill:{pair[shade]}}}" for i, pair in enumerate(_COLOURS))
        for shade in (0, 1)
    )
    return (
        "<style>text{font:12px system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;fill:#57606a}"
        ".title{font-size:14px;font-weight:600;fill:#24292f}.grid{stroke:#8884;stroke-width:1}"
        f".line{{fill:none;stroke-width:2;stroke-linejoin:round}}{light}"
        f"@media (prefers-color-scheme:dark){{text{{fill:#9da7b3}}.title{{fill:#e6edf3}}{dark}}}</style>"
    )


def _grid(x: _Axis, y: _Axis) -> Iterator[str]:
    left, right, top, bottom = _LEFT, WIDTH - _RIGHT, _TOP, HEIGHT - _BOTTOM
    for tick in x.ticks:
        at = x.at(tick)
        yield f'<line class="grid" x1="{at}" y1="{top}" x2="{at}" y2="{bottom}"/>'
        yield f'<text x="{at}" y="{bottom + 18}" text-anchor="middle">{_short(tick)}</text>'
    for tick in y.ticks:
        at = y.at(tick)
        yield f'<line class="grid" x1="{left}" y1="{at}" x2="{right}" y2="{at}"/>'
        yield f'<text x="{left - 8}" y="{at + 4}" text-anchor="end">{_short(tick)}</text>'


def _short(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1_000_000:g}M"
    return f"{value / 1_000:g}k" if value >= 10_000 else f"{value:g}"


def _lines(x: _Axis, y: _Axis, lines: Mapping[str, Points]) -> Iterator[str]:
    """Yield each line with its points, and its name beside its last point; names are moved apart."""
    heights = _apart({name: y.at(points[-1][1]) for name, points in lines.items()})
    for number, (name, points) in enumerate(lines.items()):
        colour, dashes = number % len(_COLOURS), _DASHES[number % len(_DASHES)]
        pixels = [(x.at(a), y.at(b)) for a, b in points]
        path = " ".join(f"{a},{b}" for a, b in pixels)
        yield f'<polyline class="line l{colour}" stroke-dasharray="{dashes or "none"}" points="{path}"/>'
        yield from (f'<circle class="t{colour}" cx="{a}" cy="{b}" r="3.5"/>' for a, b in pixels)
        (end, height), label = pixels[-1], heights[name]
        yield f'<polyline class="line l{colour}" style="stroke-width:1" points="{end + 5},{height} {end + 14},{label}"/>'
        value = f"{points[-1][1]:.3g}"
        yield f'<text class="t{colour}" x="{end + 18}" y="{label + 4:.1f}">{escape(name)}: {value}</text>'


def _apart(heights: Mapping[str, float]) -> dict[str, float]:
    """Move labels down where they would overlap, then up where they would leave the picture."""
    placed: dict[str, float] = {}
    low = 0.0
    for name in sorted(heights, key=lambda name: heights[name]):
        placed[name] = low = max(heights[name], low + _LABEL_HEIGHT)
    low = HEIGHT - _BOTTOM + _LABEL_HEIGHT
    for name in reversed(list(placed)):
        placed[name] = low = min(placed[name], low - _LABEL_HEIGHT)
    return placed
