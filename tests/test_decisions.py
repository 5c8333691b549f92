"""The records of decisions: each has its parts, is listed, and states no figure that the pages it names do not have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "decisions"
RECORDS = sorted(FOLDER.glob("*.md"), key=lambda file: file.name)
RECORDS = [file for file in RECORDS if file.name != "index.md"]
SECTIONS = ["Context", "Decision", "Measured", "What would change it"]


def text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def numbers(page: str) -> set[str]:
    """Return the numbers of a text as they are written, without the ones within names such as `nDCG@10`."""
    return set(re.findall(r"(?<![\w@.,])(?<!\w-)\d+(?:[.,]\d+)*(?![\w-])", page))


@pytest.mark.parametrize("record", RECORDS, ids=lambda file: file.stem)
def test_a_decision_has_a_date_and_four_sections_with_text(record: Path) -> None:
    page = text(record)
    assert re.match(r"# .+\n\nDate: 2\d{3}-\d\d-\d\d", page)
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == SECTIONS
    assert all(len(section.split()) >= 8 for section in re.split(r"^## .+$", page, flags=re.MULTILINE)[1:])


@pytest.mark.parametrize("record", RECORDS, ids=lambda file: file.stem)
def test_each_figure_of_a_decision_is_in_a_file_that_it_names(record: Path) -> None:
    measured = re.split(r"^## .+$", text(record), flags=re.MULTILINE)[3]
    sources = [ROOT / name for name in re.findall(r"`([\w/]+\.md)`", measured)]
    assert sources and all(source.is_file() for source in sources)
    unquoted = re.sub(r"`[^`]*`", "", measured)
    assert numbers(unquoted) - {number for source in sources for number in numbers(text(source))} == set()
    named = {heading for source in sources for heading in re.findall(r"^##+ (.+)$", text(source), re.MULTILINE)}
    assert set(re.findall(r'"([A-Z][^"]+)"', unquoted)) <= named


def test_every_decision_is_listed_with_its_date_and_title_and_is_in_the_navigation() -> None:
    listed = re.findall(r"^\| ([\d-]+) \| \[(.+)\]\((.+)\) \|$", text(FOLDER / "index.md"), re.MULTILINE)
    assert listed == sorted(listed)
    written = []
    for record in RECORDS:
        match = re.match(r"# (.+)\n\nDate: ([\d-]+)", text(record))
        assert match, record
        written.append((match[2], match[1], record.name))
    assert listed == sorted(written)
    navigation = re.findall(r"^ +- decisions/([\w-]+\.md)$", text(ROOT / "mkdocs.yml"), re.MULTILINE)
    assert navigation == [name for _, _, name in listed]
