"""The requirements on every `FileFormat`, as tests to inherit; see `ragqa.testing`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from ragqa.errors import RejectedError
from ragqa.load import FolderLoader
from ragqa.records import Document
from ragqa.stages import FileFormat


class FileFormatContract(ABC):
    """Tests of a file format, which is read by a loader of folders."""

    @abstractmethod
    def make(self) -> FileFormat:
        """Return the format."""

    @abstractmethod
    def samples(self) -> Sequence[bytes]:
        """Return the bytes of a few valid files, each with some text."""

    def read(self, folder: Path, data: bytes) -> Document:
        """Return the document that a loader with this format reads from some bytes."""
        own = self.make()
        path = folder / f"sample{own.suffixes[0]}"
        path.write_bytes(data)
        loader = FolderLoader([folder], formats=[own])
        scan = loader.scan()
        assert [file.media_type for file in scan.files] == [own.media_type], (
            f"a file that ends in {own.suffixes[0]} must be of type {own.media_type}; the scan gave {scan}"
        )
        return loader.read(scan.files[0])

    def test_its_names_can_be_used(self, tmp_path: Path) -> None:
        """A loader uses the suffixes, the index media type and extractor; invalid ones raise an error at once."""
        own = self.make()
        assert isinstance(own, FileFormat), "it lacks media_type, suffixes, extractor or read"
        loader = FolderLoader([tmp_path], formats=[own])
        assert loader.extractor(own.media_type) == own.extractor

    def test_every_suffix_is_found_in_small_and_capital_letters(self, tmp_path: Path) -> None:
        """A name may end in `.RST`."""
        own = self.make()
        names = sorted({f"a{each}" for suffix in own.suffixes for each in (suffix, suffix.upper())})
        for number, name in enumerate(names):
            (tmp_path / str(number)).mkdir()
            (tmp_path / str(number) / name).write_bytes(b"x")
        scan = FolderLoader([tmp_path], formats=[own]).scan()
        assert {Path(file.path).name for file in scan.files} == set(names)

    def test_a_sound_file_has_text_that_can_be_stored(self, tmp_path: Path) -> None:
        """Text that cannot be stored becomes U+FFFD, and bad metadata `metadata_error`; a format should cause neither."""
        assert self.samples(), "`samples` must give the bytes of one file or more"
        for data in self.samples():
            document = self.read(tmp_path, data)
            assert document.text.strip()
            assert "metadata_error" not in document.metadata, document.metadata["metadata_error"]
            assert list(document.page_starts) == sorted(document.page_starts), "page_starts must ascend"
            assert all(0 <= start <= len(document.text) for start in document.page_starts)

    def test_the_same_bytes_give_the_same_document(self, tmp_path: Path) -> None:
        """A document is identified by its bytes; it is not read again while they are unchanged."""
        for data in self.samples():
            assert self.read(tmp_path, data) == self.read(tmp_path, data)

    def test_bytes_of_something_else_cost_their_own_file_only(self, tmp_path: Path) -> None:
        """A damaged file is rejected or read in part; the run continues with the next file."""
        sound = self.samples()[0]
        for data in (b"\x00\xff\xfe\x00" * 8, sound[: len(sound) // 2] or b"x", sound[::-1], b" \n"):
            try:
                assert self.read(tmp_path, data).text.strip()
            except RejectedError as error:
                assert str(error).strip(), "a file is rejected with a reason"
