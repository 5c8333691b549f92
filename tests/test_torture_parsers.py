"""A sample of the parsers' trial; `python -m tests.torture.parsers` runs it in full."""

from __future__ import annotations

from tests.torture.parsers import mutated, run


def test_mutated_files_cost_themselves_only_and_each_has_its_status_and_reason() -> None:
    result = run(60)
    assert result.violations == []
    assert result.files == 60 == result.indexed + result.rejected
    assert result.indexed >= 10 and result.rejected >= 10
    assert sum(result.reasons.values()) == result.rejected and len(result.reasons) >= 3


def test_a_mutated_file_is_made_of_its_numbers_alone() -> None:
    for number in range(12):
        assert mutated(number, 7) == mutated(number, 7) != mutated(number, 8)
