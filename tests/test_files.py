"""Files that are named by somebody: only regular ones of bounded size are read."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from ragqa.files import open_regular, read_regular


def test_a_regular_file_is_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "link", 4) == b"text"


def test_a_link_is_refused_where_it_must_not_be_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    (tmp_path / "link").symlink_to("file")
    with pytest.raises(OSError):
        open_regular(tmp_path / "link", follow=False)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        read_regular(tmp_path / "pipe", 10)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev", "/proc/self"])
def test_devices_and_folders_are_refused(path: str) -> None:
    with pytest.raises(OSError):
        read_regular(path, 10)


def test_a_file_that_is_too_large_is_refused_with_both_sizes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    with pytest.raises(OSError, match="5 bytes; at most 4 are read"):
        read_regular(tmp_path / "file", 4)


def test_a_small_file_takes_little_memory_whatever_it_may_have(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    tracemalloc.start()
    try:
        assert read_regular(tmp_path / "file", 1 << 31) == b"text"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="no /proc here")
def test_a_file_that_tells_no_size_is_read_whole() -> None:
    assert read_regular("/proc/version", 10_000) == Path("/proc/version").read_bytes()


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="no /proc here")
def test_a_file_that_tells_no_size_is_bounded_all_the_same() -> None:
    """Files of /proc say that they have 0 bytes."""
    with pytest.raises(OSError, match="at most 3 are read"):
        read_regular("/proc/version", 3)
