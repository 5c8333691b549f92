"""A header of two lines of a PDF's table: names of groups of columns above the names of the columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

from ragqa.load.pdf_lines import Line, Segment, is_numeric, line_text


def group_names(groups: Line, header: Line, columns: Sequence[int]) -> list[str]:
    """Return for each column the name of its group, empty for none; `[]` where the first line does not name groups.

    A name that begins where the name of a column begins is above that column and those to its right, up to the next group.
    Else it stands in the middle above its columns. Where neither is so, nothing is said about groups.

    :param columns: the column of each segment of the header, which has a name for every column.
    """
    begins, count = dict(zip(columns, header.segments, strict=True)), len(header.segments)
    if sorted(begins) != list(range(count)):
        return []
    left = [
        next((n for n in range(count) if abs(begins[n].x0 - each.x0) <= groups.size / 2), -1)
        for each in groups.segments
    ]
    if all(first < second for first, second in pairwise([-1, *left])):
        return _filled(groups.segments, [*left, count])
    found = [
        [*starts, count]
        for starts in combinations(range(count), len(groups.segments))
        if all(
            abs(begins[first].x0 + begins[end - 1].x1 - each.x0 - each.x1) <= 2 * groups.size
            for each, (first, end) in zip(groups.segments, pairwise([*starts, count]), strict=True)
        )
    ]
    return _filled(groups.segments, found[0]) if len(found) == 1 else []


def may_name_groups(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether the first row has a few names, the second one for each column, and numbers begin in the third."""
    if len(rows) < 3:
        return False
    first, second, third = rows[:3]
    named = not any(map(is_numeric, (*first, *second))) and any(map(is_numeric, third))
    return named and not first[0] and any(first) and all(second)


def _filled(groups: Sequence[Segment], starts: Sequence[int]) -> list[str]:
    names = [""] * starts[0]
    for group, (first, end) in zip(groups, pairwise(starts), strict=True):
        names += [line_text(group.pieces)] * (end - first)
    return names
