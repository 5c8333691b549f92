"""The user's own file formats: read in this process, with the limits of the built-in ones; faults are reported."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ragqa.errors import RejectedError, UsageError
from ragqa.load import FolderLoader, Limits
from ragqa.records import Extracted
from ragqa.stages import FileFormat

_TITLE = re.compile(r"^(?:([=\-`:.'\"~^_*+#])\1{2,}\n)? *(\S.*)\n([=\-`:.'\"~^_*+#])\3{2,}$", re.MULTILINE)


class RestructuredText:
    """reStructuredText: the text of the file as it is, titled by its first heading."""

    media_type = "text/x-rst"
    suffixes = (".rst", ".rest")
    extractor = "rst/1"

    def read(self, data: bytes) -> Extracted:
        """Return a file's text and title. Raises `UnicodeDecodeError` where it is not UTF-8."""
        text = data.decode("utf-8")
        heading = _TITLE.search(text)
        return Extracted(text, heading.group(2).strip() if heading else "", encoding="utf-8")


class Reading:
    """A format that gives what it is told, or raises it."""

    def __init__(self, result: Any = None, **facts: Any) -> None:
        self.media_type = facts.get("media_type", "text/x-own")
        self.suffixes = facts.get("suffixes", (".own",))
        self.extractor = facts.get("extractor", "own/1")
        self.result = Extracted("The ferry sails.") if result is None else result

    def read(self, data: bytes) -> Extracted:
        if isinstance(self.result, BaseException):
            raise self.result
        result: Extracted = self.result
        return result


def loader(folder: Path, own: FileFormat, **limits: int) -> FolderLoader:
    return FolderLoader([folder], formats=[own], limits=Limits(**limits))


def read(folder: Path, own: FileFormat, name: str = "a.own", content: bytes = b"x", **limits: int) -> Any:
    (folder / name).write_bytes(content)
    one = loader(folder, own, **limits)
    (file,) = one.scan().files
    return one.read(file)


@pytest.mark.parametrize(
    "text", ["Ferries\n=======\n\nThey sail.\n", "=========\n Ferries\n=========\n\nThey sail.\n", "Ferries\n-------\n"]
)
def test_a_document_of_an_own_format_has_its_text_title_and_extractor(tmp_path: Path, text: str) -> None:
    document = read(tmp_path, RestructuredText(), "guide.RST", text.encode())
    assert (document.text, document.title, document.encoding) == (text, "Ferries", "utf-8")
    assert (document.media_type, document.extractor) == ("text/x-rst", "rst/1")
    assert loader(tmp_path, RestructuredText()).extractor("text/x-rst") == "rst/1"


def test_built_in_formats_are_read_as_ever_beside_it(tmp_path: Path) -> None:
    for name in ("a.md", "b.rst", "c.rest", "d.xyz"):
        (tmp_path / name).write_text("# Tern\n\nShe sails.\n", encoding="utf-8")
    one = loader(tmp_path, RestructuredText())
    scan = one.scan()
    assert [file.source for file in scan.files] == ["a.md", "b.rst", "c.rest"]
    assert [other.reason for other in scan.others] == ["unsupported type .xyz"]
    assert one.read(scan.files[0]).extractor == "markdown/5"


def test_one_of_a_built_in_media_type_takes_its_place_with_all_its_suffixes(tmp_path: Path) -> None:
    own = Reading(media_type="text/html", suffixes=(".htm",), extractor="mine/2")
    for name in ("a.htm", "b.html"):
        (tmp_path / name).write_text("<p>x", encoding="utf-8")
    scan = loader(tmp_path, own).scan()
    assert [file.source for file in scan.files] == ["a.htm"]
    assert loader(tmp_path, own).read(scan.files[0]).extractor == "mine/2"


def test_one_of_a_built_in_suffix_takes_the_suffix_alone(tmp_path: Path) -> None:
    for name in ("a.md", "b.markdown"):
        (tmp_path / name).write_text("# x", encoding="utf-8")
    scan = loader(tmp_path, Reading(suffixes=(".md",))).scan()
    assert [file.media_type for file in scan.files] == ["text/x-own", "text/markdown"]


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (ValueError("bad\nheader"), "damaged: ValueError: bad header"),
        (RejectedError("encrypted: save a copy"), "encrypted: save a copy"),
        (RecursionError("deep"), "damaged: RecursionError: deep"),
        (Extracted(" \n"), "no text: only white space"),
        (Extracted("x" * 11), "too long: 11 characters; at most 10"),
    ],
)
def test_what_it_cannot_read_is_rejected_with_the_reason(tmp_path: Path, result: Any, reason: str) -> None:
    with pytest.raises(RejectedError, match=f"^{re.escape(reason)}$"):
        read(tmp_path, Reading(result), characters=10)


def test_a_text_that_is_far_longer_than_its_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match="a bomb"):
        read(tmp_path, Reading(Extracted("x" * (1 << 21))))


def test_what_no_index_can_store_is_replaced_or_named(tmp_path: Path) -> None:
    document = read(tmp_path, Reading(Extracted("a\ud800b", metadata={"n": 1, "nan": float("nan")})))
    assert document.text == "a\ufffdb"
    assert document.metadata == {"n": 1, "metadata_error": "cannot be stored: nan"}


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("a text", r"Reading\.read: got .*; pass back an Extracted"),
        (Extracted(b"bytes"), r"Reading\.read: Extracted\.text: got .*; pass a string"),  # type: ignore[arg-type]
        (Extracted("x", page_starts=("0",)), r"Extracted\.page_starts: got .*; pass a tuple of ints"),  # type: ignore[arg-type]
        (Extracted("x", title=None), r"Extracted\.title: got .*; pass a string"),  # type: ignore[arg-type]
    ],
)
def test_a_format_that_gives_something_else_is_told_what_to_give(tmp_path: Path, result: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(tmp_path, Reading(result))


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ([RestructuredText], "RestructuredText is no file format; pass an object with media_type"),
        ([object()], "object is no file format"),
        ([Reading(media_type="rst")], r"Reading\.media_type is 'rst'; must be one such as"),
        ([Reading(suffixes=".rst")], r"Reading\.suffixes is '\.rst'; must be a tuple"),
        ([Reading(suffixes=())], r"must be a tuple such as"),
        ([Reading(suffixes=("rst",))], r"must be a tuple such as"),
        ([Reading(suffixes=(".RST",))], r"in small letters"),
        ([Reading(suffixes=(".tar.gz",))], r"must be a tuple such as"),
        ([Reading(extractor="")], r"Reading\.extractor is ''; must name"),
        ([Reading(), Reading(suffixes=(".two",))], "two of them claim the media type text/x-own"),
        ([Reading(), Reading(media_type="text/two")], r"two of them claim the suffix \.own"),
    ],
)
def test_a_format_that_cannot_be_used_is_an_error_before_any_file_is_read(
    tmp_path: Path, own: list[Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        FolderLoader([tmp_path], formats=own)
