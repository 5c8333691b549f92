"""How many threads compute: what the user says, else the cores that other programs leave free."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ragqa import threads
from ragqa.threads import Load


@pytest.mark.parametrize(
    ("variable", "setting", "wanted"),
    [("3", 2, 3), ("4,2", None, 4), ("", 2, 2), ("0", 2, 2), ("many", None, None), (None, 5, 5)],
)
def test_the_variable_wins_over_the_setting(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, setting: int | None, wanted: int | None
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if variable is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert threads.chosen(setting) == wanted


@pytest.mark.parametrize(
    ("others", "own", "quota", "free"),
    [(0.0, 0.0, 9.0, 4), (0.2, 4.0, 9.0, 4), (0.3, 0.0, 9.0, 3), (1.0, 2.0, 9.0, 3), (3.9, 0.0, 9.0, 1),
     (8.0, 0.0, 9.0, 1), (0.0, 0.0, 1.5, 1), (0.0, 0.0, 0.5, 1), (0.0, 0.0, 2.0, 2)],
)  # fmt: skip
def test_cores_that_others_use_or_the_control_group_denies_are_not_free(
    monkeypatch: pytest.MonkeyPatch, others: float, own: float, quota: float, free: int
) -> None:
    monkeypatch.setattr(threads, "cores", lambda: [0, 1, 2, 3])
    monkeypatch.setattr(threads, "quota", lambda: quota)
    monkeypatch.setattr(Load, "now", lambda: Load(100.0 + others + own, 50.0 + own, time.monotonic()))
    assert Load(100.0, 50.0, time.monotonic() - 1.0).free_cores() == free


def test_without_the_systems_figures_every_core_is_free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(threads, "_STATISTICS", tmp_path / "none")
    monkeypatch.setattr(threads, "_QUOTA", tmp_path / "none")
    assert Load.now().busy is None
    assert Load.now().free_cores() == len(threads.cores())


def test_quotas_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(threads, "_QUOTA", tmp_path / "cpu.max")
    for text, wanted in (("150000 100000\n", 1.5), ("max 100000\n", float("inf")), ("", float("inf"))):
        (tmp_path / "cpu.max").write_text(text)
        assert threads.quota() == wanted


def test_openmp_gets_no_more_threads_than_the_control_group_has_time_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: [0, 1, 2, 3])
    monkeypatch.setattr(threads, "_own_count", None)
    for users, quota, setting, wanted in (
        (None, 9.0, None, None), (None, 2.5, None, "2"), (None, 0.5, None, "1"), (None, 2.5, 3, "3"), ("7", 2.5, 3, "7"),
    ):  # fmt: skip
        monkeypatch.setattr(threads, "quota", lambda quota=quota: quota)
        monkeypatch.setattr(threads, "_own_count", None)
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        if users:
            monkeypatch.setenv("OMP_NUM_THREADS", users)
        threads.set_up()  # when ragqa is imported
        threads.set_up(setting)  # when the settings are read
        assert os.environ.get("OMP_NUM_THREADS") == wanted


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="the system does not say what the cores do")
def test_a_busy_program_takes_its_core() -> None:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in threads.cores()]
    try:
        before = Load.now()
        time.sleep(0.5)
        assert before.free_cores() < max(2, len(threads.cores()))
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert os.cpu_count()
