"""A sample of each trial of tests/torture; `make torture` runs them in full."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ragqa.cli import marks
from ragqa.index import upkeep
from ragqa.pipeline.ingest import embedding, refresh
from tests.torture import (
    Trial,
    bounds,
    confined,
    crowd,
    documents,
    endpoint,
    fork,
    formats,
    full,
    hijack,
    imitation,
    kills,
    limits,
    machine,
    model_rot,
    outputs,
    parsers,
    pictures,
    power,
    rot,
    strangers,
    terminal,
    vfs,
)
from tests.torture.mutations import mutated

needs_vfs = pytest.mark.skipif(not vfs.is_possible(), reason="the SQLite of this Python cannot be watched")

needs_models = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")


@pytest.fixture(autouse=True)
def constants_of_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what a trial changes of the index end with its test."""
    for name in ("LEAST_VECTORS", "MOST_SEGMENTS"):
        monkeypatch.setattr(upkeep, name, getattr(upkeep, name))
    monkeypatch.setattr(refresh, "TEXT_CHUNKS", refresh.TEXT_CHUNKS)
    monkeypatch.setattr(embedding, "COMMIT_CHUNKS", embedding.COMMIT_CHUNKS)


def passed(trial: Trial) -> bool:
    assert list(trial.violations) == []
    return trial.n > 0


def test_an_index_survives_a_kill_at_any_instant(tmp_path: Path) -> None:
    assert passed(kills.at_random(tmp_path / "index", 12))


def test_an_index_survives_a_kill_at_every_named_point_of_a_first_and_of_a_later_run(tmp_path: Path) -> None:
    assert passed(kills.at_points(tmp_path, ("first", "purge"), most=1))


def test_a_repair_that_is_killed_is_ended_by_another(tmp_path: Path) -> None:
    assert passed(kills.at_repair(tmp_path))


@needs_vfs
def test_an_index_survives_the_loss_of_what_was_not_synced(tmp_path: Path) -> None:
    assert passed(power.run(tmp_path, ("update",), every=12))


@needs_vfs
def test_a_full_disk_keeps_the_old_generation_and_leaves_nothing_behind(tmp_path: Path) -> None:
    assert passed(full.at_every_write(tmp_path / "writes", ("update",)))
    assert passed(full.at_every_sync(tmp_path / "syncs", ("update",)))


def test_a_limit_on_file_sizes_is_a_full_disk(tmp_path: Path) -> None:
    assert passed(full.at_every_size(tmp_path, 12))


def test_every_flipped_bit_and_every_truncation_is_found(tmp_path: Path) -> None:
    assert passed(rot.run(tmp_path, 150))


def test_writers_at_once_take_turns_and_lose_nothing(tmp_path: Path) -> None:
    assert passed(crowd.writers(tmp_path / "index", processes=4, updates=5))


def test_readers_see_whole_generations_while_an_index_is_written_and_compacted(tmp_path: Path) -> None:
    assert passed(crowd.readers(tmp_path / "index", queries=300, commits=8))


def test_mutated_files_cost_themselves_only_and_each_has_its_status_and_reason(tmp_path: Path) -> None:
    batches = parsers.Batches(tmp_path, seed=0)
    batches.batch(0, 60)
    assert batches.violations == []
    assert batches.counts.total() == 60
    assert batches.counts["indexed"] >= 10 and batches.counts["rejected"] >= 10


def test_mutated_files_of_every_other_format_cost_themselves_only(tmp_path: Path) -> None:
    assert passed(formats.run(tmp_path / "formats", each=3))


def test_mutated_pictures_and_bombs_are_drawn_or_refused(tmp_path: Path) -> None:
    assert passed(pictures.run(tmp_path, each=5))


def test_a_mutated_file_is_made_of_its_numbers_alone() -> None:
    for number in range(12):
        assert mutated(number, 7) == mutated(number, 7) != mutated(number, 8)


def test_any_order_of_changes_equals_a_dict(tmp_path: Path) -> None:
    assert passed(machine.run(tmp_path / "machine", examples=5, steps=15))


def test_no_foreign_file_in_or_beside_an_index_is_changed(tmp_path: Path) -> None:
    assert passed(strangers.run(tmp_path, 25))


def test_nothing_of_the_working_folder_runs(tmp_path: Path) -> None:
    assert passed(hijack.run(tmp_path / "place", ("help", "check")))


def test_each_of_many_strange_files_has_its_status(tmp_path: Path) -> None:
    assert passed(documents.run(tmp_path, 100))


def test_memory_and_disk_are_bounded_by_the_size_of_a_file(tmp_path: Path) -> None:
    assert passed(bounds.run(tmp_path, ("heading.md", "blank.txt")))


def test_a_parser_reaches_nothing_but_its_bytes(tmp_path: Path) -> None:
    trial = confined.run(tmp_path / "place")
    if trial is None:
        pytest.skip("the kernel has neither Landlock nor seccomp")
    assert passed(trial)


@needs_models
def test_flipped_bits_of_a_model_are_named_or_change_nothing(tmp_path: Path) -> None:
    assert passed(model_rot.run(tmp_path, 18))


@needs_models
def test_a_command_under_hard_limits_ends_as_without_or_says_why_not(tmp_path: Path) -> None:
    assert passed(limits.run(tmp_path / "place", every=149))


def test_no_command_writes_over_a_file_of_the_users(tmp_path: Path) -> None:
    assert passed(outputs.run(tmp_path, every=7))


def test_a_command_is_quiet_or_says_one_line_whatever_becomes_of_its_streams(tmp_path: Path) -> None:
    assert passed(terminal.run(tmp_path, every=163))


def test_no_answer_and_no_passage_can_pass_for_what_is_said_of_it(tmp_path: Path) -> None:
    assert passed(imitation.run(tmp_path, 400))


def test_a_trial_sees_an_answer_without_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "MARK", "  ")
    assert len(imitation.run(tmp_path, 100).violations) > 100


def test_a_trial_sees_a_command_that_raises_or_loses_what_it_prints(tmp_path: Path) -> None:
    """The trial would notice: this is what Python does with a full disk by itself."""
    done = subprocess.CompletedProcess([], 120, b"", b"Exception ignored in: <_io.TextIOWrapper name='<stdout>'")
    full_disk = next(condition for condition in terminal.CONDITIONS if condition.lost)
    assert len(list(terminal.violations(terminal.Use("schema"), full_disk, done))) == 2


def test_every_fault_of_an_endpoint_ends_as_an_answer_or_one_line_in_time(tmp_path: Path) -> None:
    assert passed(endpoint.run(tmp_path, 20, first=1000))


@needs_models
def test_processes_forked_from_one_that_answers_answer_or_say_why_not(tmp_path: Path) -> None:
    forks = fork.Forks(tmp_path)
    for scenario in (forks.child_asks, forks.fork_while_a_thread_answers):
        scenario(1)
    assert forks.violations == [] and forks.counts["answered"] >= 3


def test_a_trial_sees_a_commit_that_is_not_synced(tmp_path: Path) -> None:
    """The trials would notice: without the sync of a segment, power loss breaks the index."""
    program = (
        "import sys; from pathlib import Path; from ragqa.index import durable; from tests.torture import power\n"
        "durable.Disk.sync = lambda self, stream: stream.flush()\n"
        "from tests.torture import vfs; vfs._WatchedDisk.sync = lambda self, stream: stream.flush()\n"
        "print(len(power.run(Path(sys.argv[1]), ('update',), every=12).violations))"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=root, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 0
