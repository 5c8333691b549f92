"""Small plots as inline SVG, for a light and a dark page. The page must include `STYLE` once.

All are `WIDTH` units wide and scale with their column, so they can be read on a phone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ragqa.evaluate.reports.markup import Markup, tag

WIDTH = 480
_LABEL, _VALUE, _ROW, _FOOT = 176, 58, 24, 24
_LEFT, _RIGHT, _TOP, _BOTTOM, _HEIGHT = 60, 20, 10, 46, 260
_SHAPES = ("●", "■", "◆")

STYLE = """
svg{display:block;width:100%;height:auto}
svg text{font-size:13px;fill:var(--muted)}svg .label,svg .value{fill:var(--text)}
svg .value,svg .tick{font-variant-numeric:tabular-nums}
.grid{stroke:var(--grid);stroke-width:1}.whisker,.link{stroke:var(--text);stroke-width:1.5;fill:none}
.link{stroke-width:1;stroke-dasharray:2 2;opacity:.6}
.line{stroke:var(--c0);stroke-width:2;fill:none;stroke-linejoin:round}.dot{fill:var(--c0)}
.band{fill:var(--c0);fill-opacity:.2}
.bar{fill-opacity:.6}.reached{fill:var(--c0)}.lost{fill:var(--c1)}.whole{fill:var(--muted)}
svg .mark{font-size:14px}svg .m0{fill:var(--c0)}svg .m1{fill:var(--c2)}svg .m2{fill:var(--c1)}
"""

Scale = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Bar:
    """A horizontal bar over `[start, stop]` within [0, 1], with `text` beside it and, where known, its interval."""

    label: str
    start: float
    stop: float
    text: str
    low: float | None = None
    high: float | None = None
    kind: Literal["reached", "lost", "whole"] = "reached"


def waterfall(lost_points: Mapping[str, float], end: str) -> list[Bar]:
    """Return the bars of a waterfall chart, from 1 down to the rest after each loss; the last one is named `end`."""
    bars, level = [Bar("perfect", 0.0, 1.0, "1.000", kind="whole")], 1.0
    for cause, points in lost_points.items():
        # Rounding may make the difference slightly negative.
        after = max(level - points, 0.0)
        bars.append(Bar(cause, after, level, f"−{points:.3f}", kind="lost"))
        level = after
    return [*bars, Bar(end, 0.0, level, f"{level:.3f}")]


def bars(title: str, rows: Sequence[Bar], *, linked: bool = False) -> Markup:
    """Return at least one bar in rows over an axis from 0 to 1; `linked` draws a line from each bar to the next."""
    x = _scale(0, 1, _LABEL, WIDTH - _VALUE)
    bottom = _ROW * len(rows)
    parts = list(_columns({value: f"{value:g}" for value in (0, 0.25, 0.5, 0.75, 1)}, x, 0, bottom))
    for place, bar in enumerate(rows):
        parts.append(_bar(bar, x, _ROW * place))
        if linked and place:
            parts.append(_line("link", x(bar.stop), _ROW * place - 5, x(bar.stop), _ROW * place + 5))
    return _svg(title, bottom + _FOOT, parts)


def curve(
    title: str,
    axes: tuple[str, str],
    points: Sequence[tuple[float, float]],
    *,
    band: Sequence[tuple[float, float, float]] = (),
    ticks: Sequence[float] = (0, 0.2, 0.4, 0.6, 0.8, 1),
    log: bool = False,
) -> Markup:
    """Return a line through at least one point `(x, y)`, with y in [0, 1] and x between the first and the last tick.

    :param axes: the titles of the axes x and y.
    :param band: `(x, low, high)`, a shaded area behind the line, clipped to [0, 1].
    :param ticks: ascending; positive where the axis of x is logarithmic.
    """
    bottom = _HEIGHT - _BOTTOM
    x, y = _scale(ticks[0], ticks[-1], _LEFT, WIDTH - _RIGHT, log), _scale(0, 1, bottom, _TOP)
    parts = [*_columns({tick: f"{tick:g}" for tick in ticks}, x, _TOP, bottom), *_lines(y)]
    parts += _axis_titles(axes, bottom)
    if band:
        edge = [(x(at), y(min(high, 1))) for at, _, high in band]
        edge += [(x(at), y(max(low, 0))) for at, low, _ in reversed(band)]
        parts.append(tag("polygon", class_="band", points=_path(edge)))
    pixels = [(x(a), y(b)) for a, b in points]
    parts.append(tag("polyline", class_="line", points=_path(pixels)))
    if len(pixels) <= 20:
        parts += [tag("circle", class_="dot", cx=a, cy=b, r=3.5) for a, b in pixels]
    return _svg(title, _HEIGHT, parts)


def dots(title: str, unit: str, rows: Mapping[str, Mapping[str, float]]) -> Markup:
    """Return a mark for each named value over a logarithmic axis: at least one row, at most three values a row.

    Values below a tenth of the unit are drawn at a tenth.
    """
    names = list(next(iter(rows.values())))
    values = [max(value, 0.1) for row in rows.values() for value in row.values()]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    decades = {10.0**power: _short(10.0**power) for power in range(low, max(high, low + 1) + 1)}
    x = _scale(min(decades), max(decades), 110, WIDTH - 160, log=True)
    top, bottom = _ROW, _ROW * (len(rows) + 1)
    parts = [*_legend(names), *_columns(decades, x, top, bottom)]
    parts.append(_text(WIDTH, bottom + 17, unit, "tick", "end"))
    for place, (label, row) in enumerate(rows.items(), start=1):
        parts += _dots(label, [row[name] for name in names], x, _ROW * place + 12)
    return _svg(title, bottom + _FOOT, parts)


def _bar(bar: Bar, x: Scale, top: float) -> Markup:
    middle = top + _ROW / 2
    parts = [
        tag("title", f"{bar.label}: {bar.text}"),
        _text(_LABEL - 8, middle + 4, _clipped(bar.label, 21), "label", "end"),
        tag(
            "rect",
            class_=f"bar {bar.kind}",
            x=x(bar.start),
            y=top + 4,
            width=round(x(bar.stop) - x(bar.start), 1),
            height=_ROW - 8,
        ),
        _text(WIDTH, middle + 4, bar.text, "value", "end"),
    ]
    if bar.low is not None and bar.high is not None:
        low, high = (x(min(max(edge, 0), 1)) for edge in (bar.low, bar.high))
        path = f"M{low} {middle - 4}v8M{low} {middle}H{high}M{high} {middle - 4}v8"
        parts.append(tag("path", class_="whisker", d=path))
    return tag("g", *parts)


def _legend(names: Sequence[str]) -> Iterator[Markup]:
    for place, name in enumerate(names):
        yield _text(118 + 60 * place, 15, _SHAPES[place], f"mark m{place}", "middle")
        yield _text(128 + 60 * place, 15, name, "label")
    yield _text(WIDTH, 15, " / ".join(names), "tick", "end")


def _dots(label: str, values: Sequence[float], x: Scale, middle: float) -> Iterator[Markup]:
    places = [x(max(value, 0.1)) for value in values]
    yield _text(102, middle + 4, _clipped(label, 12), "label", "end")
    yield _line("whisker", min(places), middle, max(places), middle)
    for place, at in enumerate(places):
        yield _text(at, middle + 5, _SHAPES[place], f"mark m{place}", "middle")
    figures = " / ".join(f"{value:.0f}" if value >= 10 else f"{value:.1f}" for value in values)
    yield _text(WIDTH, middle + 4, figures, "value", "end")


def _scale(low: float, high: float, first: float, last: float, log: bool = False) -> Scale:
    """Return the function that maps `[low, high]` to `[first, last]` in pixels; to the middle where `low` is `high`."""
    measure: Callable[[float], float] = math.log if log else float
    start, length = measure(low), measure(high) - measure(low)
    if not length:
        return lambda value: round((first + last) / 2, 1)
    return lambda value: round(first + (last - first) * (measure(value) - start) / length, 1)


def _columns(ticks: Mapping[float, str], x: Scale, top: float, bottom: float) -> Iterator[Markup]:
    """Yield a vertical line at each tick, and its label where that does not overlap the label before."""
    free = -math.inf
    for value, name in ticks.items():
        at = x(value)
        yield _line("grid", at, top, at, bottom)
        if at - 4 * len(name) > free:
            yield _text(at, bottom + 17, name, "tick", "middle")
            free = at + 4 * len(name) + 4


def _lines(y: Scale) -> Iterator[Markup]:
    for value in (0, 0.25, 0.5, 0.75, 1):
        yield _line("grid", _LEFT, y(value), WIDTH - _RIGHT, y(value))
        yield _text(_LEFT - 8, y(value) + 4, f"{value:g}", "tick", "end")


def _axis_titles(axes: tuple[str, str], bottom: float) -> Iterator[Markup]:
    yield _text((_LEFT + WIDTH - _RIGHT) / 2, _HEIGHT - 6, axes[0], "axis", "middle")
    turned = f"translate(14 {(_TOP + bottom) / 2}) rotate(-90)"
    yield tag("text", axes[1], class_="axis", transform=turned, text_anchor="middle")


def _text(x: float, y: float, text: str, class_: str, anchor: str = "start") -> Markup:
    return tag("text", text, class_=class_, x=x, y=y, text_anchor=anchor)


def _line(class_: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return tag("line", class_=class_, x1=x1, y1=y1, x2=x2, y2=y2)


def _path(pixels: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{a},{b}" for a, b in pixels)


def _short(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _clipped(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _svg(title: str, height: float, parts: Sequence[Markup]) -> Markup:
    return tag("svg", tag("title", title), *parts, viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=title)
