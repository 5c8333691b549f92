"""Finding and reading files: what becomes of each, and that nothing is lost, replaced or followed silently."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragqa.errors import RejectedError, UsageError
from ragqa.load import FORMATS, MEDIA_TYPES, FileGlobs, FolderLoader, Limits, disk
from ragqa.load.formats import PICTURES, PLAIN
from ragqa.records import Document, FileStatus, SourceFile
from tests.torture.bounds import packed_docx

PARAGRAPH = "The observatory opens at nine in the morning and closes at six in the evening on every weekday. "
FRENCH = (
    "Le café de la gare était fermé depuis l’été dernier ; les élèves préféraient déjeuner à la bibliothèque, "
    "où l’accès était gratuit. Après la rénovation, le propriétaire a décidé de créer un musée dédié à l’œuvre "
    "d’un poète oublié. "
)
JAPANESE = (
    "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所で"
    "ニャーニャー泣いていた事だけは記憶している。吾輩はここで始めて人間というものを見た。"
)
RUSSIAN = (
    "Вчера вечером мы долго гуляли по набережной и говорили о будущем. Город готовился к празднику, на площадях "
    "ставили сцены, а дети запускали воздушных змеев. "
)
CHINESE = "圖書館的開放時間是星期一至星期五上午九點到下午六點。讀者可以憑借書證借閱五本書，借期為三十天。"
ENGLISH = "The member’s “deposit” is £20 – or 25 € – and the café of the library is open in the evening. "
POLISH = (
    "Biblioteka jest czynna od poniedziałku do piątku. Czytelnicy mogą wypożyczyć najwyżej pięć książek na "
    "trzydzieści dni; za spóźnienie pobiera się opłatę. Później poszliśmy nad rzekę, gdzie łódź kołysała się. "
)


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder, given by relative path."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def found(folder: Path, **globs: Sequence[str]) -> list[str]:
    """Return the sources of the files that may be read."""
    return [file.source for file in FolderLoader([folder], FileGlobs(**globs)).scan().files]


def only(loader: FolderLoader) -> SourceFile:
    scan = loader.scan()
    assert len(scan.files) == 1, scan
    return scan.files[0]


def load(folder: Path, name: str, content: str | bytes, text_field: str | None = None) -> Document:
    """Write one file and read it."""
    path = write(folder, {name: content}) / name
    loader = FolderLoader([path], text_field=text_field)
    try:
        return loader.read(only(loader))
    finally:
        loader.close()


def rejection(folder: Path, name: str, content: str | bytes, text_field: str | None = None) -> str:
    """Write one file and return why it is rejected, by the scan or when it is read."""
    path = write(folder, {name: content}) / name
    loader = FolderLoader([path], text_field=text_field)
    scan = loader.scan()
    if scan.others:
        assert scan.others[0].status == "rejected"
        return scan.others[0].reason
    with pytest.raises(RejectedError) as caught:
        loader.read(scan.files[0])
    loader.close()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- finding files ---------------------------------------------------------------------------------------------------


def test_a_folder_is_searched_to_any_depth_and_sorted_by_source(tmp_path: Path) -> None:
    write(tmp_path, {"b.txt": "b", "a/z.md": "z", "a.csv": "x", "a/deep/er/UP.TXT": "u"})
    loader = FolderLoader([tmp_path])
    scan = loader.scan()
    assert [file.source for file in scan.files] == ["a.csv", "a/deep/er/UP.TXT", "a/z.md", "b.txt"]
    first = scan.files[0]
    assert (first.sha256, first.size, first.media_type) == (hashlib.sha256(b"x").hexdigest(), 1, "text/csv")
    assert Path(first.path) == tmp_path / "a.csv"


@pytest.mark.parametrize("suffix", sorted({suffix for each in FORMATS for suffix in each.suffixes} - PICTURES))
def test_every_supported_suffix_is_found_and_has_an_extractor(tmp_path: Path, suffix: str) -> None:
    write(tmp_path, {f"a{suffix.upper()}": "x"})
    loader = FolderLoader([tmp_path])
    assert only(loader).media_type == MEDIA_TYPES[suffix]
    for part in loader.extractor(MEDIA_TYPES[suffix]).split():
        name, version = part.split("/")
        assert name and version[0].isdigit()


def test_a_missing_path_is_a_usage_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"path not found: {tmp_path}/nowhere"):
        FolderLoader([tmp_path / "nowhere"])
    assert not (tmp_path / "nowhere").exists()


def test_no_path_at_all_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="name a folder or a file"):
        FolderLoader([])


def test_an_empty_folder_holds_nothing(tmp_path: Path) -> None:
    scan = FolderLoader([tmp_path]).scan()
    assert (scan.files, scan.others) == ((), ())


def test_a_single_file_has_its_name_as_source(tmp_path: Path) -> None:
    write(tmp_path, {"docs/a.txt": "x", "docs/b.txt": "y"})
    assert only(FolderLoader([tmp_path / "docs" / "a.txt"])).source == "a.txt"


def test_several_paths_put_the_folders_name_in_front(tmp_path: Path) -> None:
    write(tmp_path, {"one/a.txt": "x", "two/sub/a.txt": "y", "three.txt": "z"})
    loader = FolderLoader([tmp_path / "two", tmp_path / "one", tmp_path / "three.txt"])
    assert [file.source for file in loader.scan().files] == ["one/a.txt", "three.txt", "two/sub/a.txt"]


def test_two_paths_of_one_name_are_refused_with_what_to_do(tmp_path: Path) -> None:
    write(tmp_path, {"x/docs/a.txt": "x", "y/docs/a.txt": "y"})
    with pytest.raises(UsageError, match=r"2 paths end in 'docs' .*rename one, or load the folder above"):
        FolderLoader([tmp_path / "x" / "docs", tmp_path / "y" / "docs"])


TREE = dict.fromkeys(("a.md", "b.txt", "drafts/c.md", "drafts/x/d.txt", "sub/e.md", "sub/drafts/f.md"), "x")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"include": ["**/*.md"]}, ["a.md", "drafts/c.md", "sub/drafts/f.md", "sub/e.md"]),
        ({"include": ["*.md"]}, ["a.md"]),
        ({"include": ["*/*.md"]}, ["drafts/c.md", "sub/e.md"]),
        ({"include": ["drafts/**"]}, ["drafts/c.md", "drafts/x/d.txt"]),
        ({"include": ["drafts"]}, ["drafts/c.md", "drafts/x/d.txt"]),
        ({"include": ["[!b].*", "sub/?.md"]}, ["a.md", "sub/e.md"]),
        ({"exclude": ["drafts/**"]}, ["a.md", "b.txt", "sub/drafts/f.md", "sub/e.md"]),
        ({"exclude": ["**/drafts"]}, ["a.md", "b.txt", "sub/e.md"]),
        ({"include": ["**/*.md"], "exclude": ["sub"]}, ["a.md", "drafts/c.md"]),
    ],
)
def test_globs_apply_to_the_whole_relative_path(
    tmp_path: Path, options: dict[str, list[str]], expected: list[str]
) -> None:
    write(tmp_path, TREE | {"sub/skipped.xyz": "x"})
    assert found(tmp_path, **options) == expected


def test_what_a_glob_leaves_out_is_not_listed(tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "x", "b.rs": "x", "node/c.rs": "x"})
    scan = FolderLoader([tmp_path], FileGlobs(exclude=["*.rs", "node"])).scan()
    assert scan.others == ()


def test_a_glob_that_cannot_be_understood_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"glob '\[z-a\]'"):
        FolderLoader([tmp_path], FileGlobs(include=["[z-a]"]))


def test_globs_do_not_apply_to_a_file_that_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": "x"})
    assert only(FolderLoader([tmp_path / "a.txt"], FileGlobs(include=["*.md"]))).source == "a.txt"


def test_hidden_files_and_folders_are_as_if_not_there_unless_named(tmp_path: Path) -> None:
    write(tmp_path, {".git/a.txt": "x", ".b.txt": "x", "c.txt": "x"})
    scan = FolderLoader([tmp_path]).scan()
    assert [file.source for file in scan.files] == ["c.txt"] and scan.others == ()
    named = FolderLoader([tmp_path / ".b.txt"]).scan()
    assert named.others == (FileStatus(".b.txt", "skipped", "hidden: its name begins with a dot"),)


def test_an_unsupported_suffix_is_skipped_by_name(tmp_path: Path) -> None:
    write(tmp_path, {"a.xyz": "x"})
    assert FolderLoader([tmp_path]).scan().others == (FileStatus("a.xyz", "skipped", "unsupported type .xyz"),)


def test_a_file_without_a_suffix_is_read_where_it_is_plainly_text(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "LICENSE": "Free to use: \u00e9.",
            "Makefile": "# not a title\nall:\n",
            "id_rsa": "-----BEGIN OPENSSH PRIVATE KEY-----",
        },
    )
    for name, data in {"a_out": b"\x7fELF\0", "latin": "\u00e9t\u00e9".encode("latin-1"), "empty": b""}.items():
        (tmp_path / name).write_bytes(data)
    loader = FolderLoader([tmp_path])
    scan = loader.scan()
    assert [(file.source, file.media_type) for file in scan.files] == [("LICENSE", PLAIN), ("Makefile", "text/x-code")]
    assert loader.read(scan.files[0]).text == "Free to use: \u00e9."
    reason = "unsupported type (no suffix)"
    assert scan.others == tuple(FileStatus(name, "skipped", reason) for name in ("a_out", "empty", "id_rsa", "latin"))


def test_links_are_listed_and_never_followed(tmp_path: Path) -> None:
    write(tmp_path, {"outside/id_rsa.txt": "secret", "tree/a.txt": "x"})
    tree = tmp_path / "tree"
    (tree / "loop").symlink_to(tree, target_is_directory=True)
    (tree / "keys").symlink_to(tmp_path / "outside", target_is_directory=True)
    (tree / "key.txt").symlink_to(tmp_path / "outside" / "id_rsa.txt")
    (tree / "broken.txt").symlink_to(tmp_path / "nowhere")
    scan = FolderLoader([tree]).scan()
    assert [file.source for file in scan.files] == ["a.txt"]
    reason = "symbolic link: not followed"
    assert scan.others == tuple(FileStatus(n, "skipped", reason) for n in ("broken.txt", "key.txt", "keys", "loop"))


def test_a_file_replaced_by_a_link_after_the_scan_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, {"outside.txt": "same", "tree/a.txt": "same"})
    loader = FolderLoader([tmp_path / "tree"])
    file = only(loader)
    (tmp_path / "tree" / "a.txt").unlink()
    (tmp_path / "tree" / "a.txt").symlink_to(tmp_path / "outside.txt")
    with pytest.raises(RejectedError, match="not a regular file"):
        loader.read(file)


def test_a_path_given_may_itself_be_a_link(tmp_path: Path) -> None:
    write(tmp_path, {"real/a.txt": "x"})
    (tmp_path / "current").symlink_to(tmp_path / "real", target_is_directory=True)
    assert found(tmp_path / "current") == ["a.txt"]


def test_a_pipe_is_rejected_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    os.mkfifo(tmp_path / "pipe")
    assert FolderLoader([tmp_path]).scan().others == (
        FileStatus("pipe", "skipped", "unsupported type (no suffix)"),
        FileStatus("pipe.txt", "rejected", "not a regular file"),
    )
    assert FolderLoader([tmp_path / "pipe.txt"]).scan().others[0].status == "rejected"


def test_what_may_not_be_read_is_rejected_with_the_reason() -> None:
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        folder = write(Path(name), {"a.txt": "x", "locked/b.txt": "x", "c.txt": "x"})
        (folder / "a.txt").chmod(0)
        (folder / "locked").chmod(0)
        folder.chmod(0o755)
        os.seteuid(user or 65534)  # root may read everything
        try:
            scan = FolderLoader([folder]).scan()
        finally:
            os.seteuid(user)
            (folder / "locked").chmod(0o700)
    reason = "cannot be read: Permission denied"
    assert [file.source for file in scan.files] == ["c.txt"]
    assert scan.others == (FileStatus("a.txt", "rejected", reason), FileStatus("locked/", "rejected", reason))


def test_a_folder_that_cannot_be_listed_is_reported(tmp_path: Path) -> None:
    below = os.open(tmp_path, os.O_RDONLY)
    for _ in range(30):  # deeper than a path may be long
        above = below
        os.mkdir("d" * 200, dir_fd=above)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=above)
        os.close(above)
    os.close(below)
    write(tmp_path, {"a.txt": "x"})
    scan = FolderLoader([tmp_path]).scan()
    shutil.rmtree(tmp_path / ("d" * 200))
    assert [file.source for file in scan.files] == ["a.txt"]
    (status,) = scan.others
    assert (status.status, status.reason) == ("rejected", "cannot be read: File name too long")


def test_a_tree_of_a_thousand_folders_is_searched(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(1000):
        folder /= "d"
        folder.mkdir()
    (folder / "a.txt").write_bytes(b"x")
    assert found(tmp_path) == ["d/" * 1000 + "a.txt"]
    (folder / "a.txt").unlink()
    for below in [folder, *folder.parents][:1000]:
        below.rmdir()


@pytest.mark.parametrize(
    "name", ["two\nlines.txt", "..odd.. name.txt", "é" * 120 + ".txt", "a\\b.txt", " .txt", "{0}.txt"]
)
def test_odd_names_are_read(tmp_path: Path, name: str) -> None:
    write(tmp_path, {f"d/{name}": "words"})
    loader = FolderLoader([tmp_path / "d"])
    if name.startswith("."):
        assert loader.scan().files == ()
        return
    document = loader.read(only(loader))
    assert (document.source, document.title) == (name, "")


def test_a_name_that_is_not_utf8_is_read_under_a_printable_name_unless_that_is_taken(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/caf\xe9.txt", "wb") as file:
        file.write(b"words")
    loader = FolderLoader([tmp_path])
    document = loader.read(only(loader))
    assert (document.source, document.text) == ("caf\\xe9.txt", "words")
    assert document.path == f"{tmp_path}/caf\\xe9.txt"
    (tmp_path / "caf\\xe9.txt").write_text("others", encoding="utf-8")
    scan = loader.scan()
    assert loader.read(scan.files[0]).text == "others"
    assert [status.status for status in scan.others] == ["rejected"] and "rename it" in scan.others[0].reason


def test_the_same_bytes_have_one_document_id_under_every_name(tmp_path: Path) -> None:
    write(tmp_path, {f"{number}.txt": "same" for number in range(100)} | {"other.md": "same"})
    files = FolderLoader([tmp_path]).scan().files
    assert len({file.document_id for file in files}) == 2


# --- what makes a file unusable --------------------------------------------------------------------------------------


def test_an_empty_file_is_rejected(tmp_path: Path) -> None:
    assert rejection(tmp_path, "a.txt", b"") == "empty file"


@pytest.mark.parametrize("content", [b" \n\t\r\n", b"\xef\xbb\xbf", b"\xff\xfe \0", "\u00a0\n\u2003".encode()])
def test_white_space_alone_is_no_text(tmp_path: Path, content: bytes) -> None:
    assert rejection(tmp_path, "a.txt", content) == "no text: only white space"


def test_a_file_over_the_limit_is_rejected_without_being_read(tmp_path: Path) -> None:
    with open(tmp_path / "a.txt", "wb") as file:
        file.truncate(10**12)
    (status,) = FolderLoader([tmp_path]).scan().others
    assert status.reason == "too large: 1,000,000,000,000 bytes; at most 200,000,000"


def test_a_text_over_the_limit_is_rejected(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": "x" * 101})
    loader = FolderLoader([tmp_path], limits=Limits(characters=100))
    with pytest.raises(RejectedError, match="too long: 101 characters; at most 100"):
        loader.read(only(loader))


@pytest.mark.parametrize("suffix", [".md", ".txt", ".csv", ".html", ".jsonl"])
def test_an_executable_under_a_text_suffix_is_binary(tmp_path: Path, suffix: str) -> None:
    executable = Path("/bin/sh").read_bytes()
    assert rejection(tmp_path, f"a{suffix}", executable).startswith("binary content: a NUL at byte ")


def test_many_control_characters_are_binary(tmp_path: Path) -> None:
    content = b"words\x01\x02\x03\x04" * 50
    assert rejection(tmp_path, "a.txt", content) == "binary content: 200 control characters among 450"


def test_a_file_that_changed_since_the_scan_is_read_as_it_is_now(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": "one"})
    loader = FolderLoader([tmp_path])
    file = only(loader)
    (tmp_path / "a.txt").write_bytes(b"one and more")
    document = loader.read(file)
    assert (document.text, document.id) == ("one and more", only(loader).document_id)
    for changed, reason in ((b"", "^empty file$"), (None, "cannot be read: No such file")):
        (tmp_path / "a.txt").write_bytes(changed) if changed is not None else (tmp_path / "a.txt").unlink()
        with pytest.raises(RejectedError, match=reason):
            loader.read(file)


@pytest.mark.parametrize("edits", [1, 2])
def test_a_file_that_is_edited_while_it_is_read_is_read_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edits: int
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("first words", encoding="utf-8")
    left = [edits]

    class Edited(io.BufferedReader):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            if left[0]:
                left[0] -= 1
                path.write_text(f"other words {left[0]}", encoding="utf-8")
                os.utime(path, ns=(0, left[0]))
            return data

    loader = FolderLoader([tmp_path])
    file = only(loader)
    monkeypatch.setattr(disk, "opened", lambda path: Edited(io.FileIO(path)))
    if edits == 1:
        assert loader.read(file).text == "other words 0"
    else:
        with pytest.raises(RejectedError, match=r"^changed while it was being read: run again$"):
            loader.read(file)


# --- encodings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "encoding", "recorded"),
    [
        (ENGLISH, "cp1252", "cp1252"),
        (FRENCH, "cp1252", "cp1252"),
        (JAPANESE, "shift_jis", "cp932"),
        (JAPANESE * 5, "euc_jp", "euc_jp"),
        (RUSSIAN, "cp1251", "cp1251"),
        (RUSSIAN, "koi8_r", "koi8_r"),
        (CHINESE, "big5", "big5"),
        (POLISH, "cp1250", "cp1250"),
        (PARAGRAPH + "é\n", "utf-16-le", "utf-16-le"),
        (PARAGRAPH + "é\n", "utf-16-be", "utf-16-be"),
        ("\ufeff" + JAPANESE, "utf-16-le", "utf-16-le"),
        ("\ufeff" + JAPANESE, "utf-16-be", "utf-16-be"),
        ("\ufeff" + JAPANESE, "utf-32-le", "utf-32-le"),
        ("\ufeff" + JAPANESE, "utf-32-be", "utf-32-be"),
        ("\ufeff" + JAPANESE, "utf-8", "utf-8"),
        ("one\r\ntwo\rthree\n\x85four\u2028", "utf-8", "utf-8"),
    ],
)
def test_text_is_decoded_to_the_letter_and_its_encoding_recorded(
    tmp_path: Path, text: str, encoding: str, recorded: str
) -> None:
    document = load(tmp_path, "a.txt", text.encode(encoding))
    assert (document.text, document.encoding) == (text, recorded)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Málaga", "cp1252"),
        ("Müller;Jürgen;Köln\nGonzález;José;Málaga\nLefèvre;Zoë;Liège\n", "cp1252"),
        ("Crème brûlée\nJalapeño soup\n", "cp1252"),
        (PARAGRAPH + "Two coins at the café.", "cp437"),
        ("猫である。", "shift_jis"),
        (RUSSIAN, "cp866"),
    ],
)
def test_an_encoding_that_is_not_clear_is_rejected_with_what_to_do(tmp_path: Path, text: str, encoding: str) -> None:
    reason = rejection(tmp_path, "a.txt", text.encode(encoding))
    assert reason.startswith("encoding unclear (") and reason.endswith("): convert the file to UTF-8")


def test_bytes_that_break_their_own_mark_are_rejected(tmp_path: Path) -> None:
    reason = rejection(tmp_path, "a.txt", b"\xef\xbb\xbfcaf\xe9 ")
    assert reason == "not utf-8, which its byte-order mark says, at byte 6: convert the file to UTF-8"


TEXTS = st.one_of(
    st.binary(min_size=1, max_size=200),
    st.text(min_size=1, max_size=100).flatmap(
        lambda text: st.sampled_from(
            ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "shift_jis", "utf-16-le"]
        ).map(lambda encoding: text.encode(encoding, "ignore"))
    ),
)


LETTERS = st.text(st.characters(categories=["L", "N"], exclude_characters="\ufeff"), min_size=1, max_size=80)


@settings(max_examples=100, deadline=None)
@given(
    text=LETTERS,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    suffix=st.sampled_from([".txt", ".md", ".csv", ".tsv"]),
)
def test_letters_in_an_encoding_that_is_sure_are_always_read(
    tmp_path_factory: pytest.TempPathFactory, text: str, encoding: str, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("letters") / f"a{suffix}"
    path.write_bytes(text.encode(encoding))
    loader = FolderLoader([path])
    (file,) = loader.scan().files
    assert loader.read(file).text.removeprefix("\ufeff") == text


@settings(max_examples=100, deadline=None)
@given(text=LETTERS)
def test_letters_in_json_lines_are_always_read(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("letters") / "a.jsonl"
    path.write_text(json.dumps({"text": text}), encoding="utf-8")
    loader = FolderLoader([path])
    (file,) = loader.scan().files
    assert loader.read(file).text == text


@settings(max_examples=150, deadline=None)
@given(data=TEXTS, suffix=st.sampled_from([".txt", ".md", ".csv", ".tsv"]))
def test_any_bytes_are_kept_to_the_letter_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("any") / f"a{suffix}"
    path.write_bytes(data)
    loader = FolderLoader([path])
    for file in loader.scan().files:
        try:
            document = loader.read(file)
        except RejectedError:
            continue
        assert document.encoding and document.text.encode(document.encoding) == data
        json.dumps(dict(document.metadata), allow_nan=False).encode()


@settings(max_examples=100, deadline=None)
@given(
    data=st.one_of(TEXTS, st.text(max_size=80).map(lambda text: json.dumps({"text": text}).encode())),
    suffix=st.sampled_from([".jsonl", ".json"]),
)
def test_any_bytes_as_json_are_clean_text_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("any") / f"a{suffix}"
    path.write_bytes(data)
    loader = FolderLoader([path])
    for file in loader.scan().files:
        try:
            document = loader.read(file)
        except RejectedError:
            continue
        assert document.text.strip() and document.text.encode("utf-8")


# --- Markdown --------------------------------------------------------------------------------------------------------

FRONT_MATTER = """---
title: The  ferry
date: 2024-05-06
tags: [boats, 3, true]
when: 2024-05-06T07:08:09Z
draft: no
weight: 1.5
---
# Other

Text.
"""


def test_front_matter_becomes_metadata_and_stays_in_the_text(tmp_path: Path) -> None:
    for start in ("", "\ufeff"):
        document = load(tmp_path, "a.md", start + FRONT_MATTER)
        assert document.text == start + FRONT_MATTER
        assert document.title == "The ferry"
        assert document.metadata == {
            "title": "The  ferry",
            "date": "2024-05-06",
            "tags": ["boats", 3, True],
            "when": "2024-05-06T07:08:09+00:00",
            "draft": False,
            "weight": 1.5,
            "front_matter": len(document.text) - len("\n# Other\n\nText.\n"),
        }


def test_front_matter_with_windows_line_ends_is_read(tmp_path: Path) -> None:
    document = load(tmp_path, "a.md", FRONT_MATTER.replace("\n", "\r\n"))
    assert document.metadata["tags"] == ["boats", 3, True]


@pytest.mark.parametrize(
    ("block", "error"),
    [
        ("a: [1, 2", "line 3: expected ',' or ']', but got '<stream end>'"),
        ("a: !!python/object/apply:os.system ['true']", "line 2: a tag is not read"),
        ("a: &x [1]\nb: *x", "line 2: an anchor or alias is not read"),
        ("just words", "not a mapping of names to values"),
        ("a: {b: {c: 1}}", "line 2: a: nested values are not read"),
        ("a: 1\na: 2", "line 3: a: given twice; the first is kept"),
        ("a: " + "[" * 60_000, "line 2: nested too deeply"),
        ("- " * 30_000, "line 2: nested too deeply"),
        ("a: 2024-13-45", "line 2: a: month must be in 1..12"),
        ("a: " + "x" * 70_000, "70,004 characters; at most 65,536 are read"),
    ],
)
def test_front_matter_that_cannot_be_read_is_named_and_the_text_kept(tmp_path: Path, block: str, error: str) -> None:
    text = f"---\n{block}\n---\n# Heading\n"
    document = load(tmp_path, "a.md", text)
    assert (document.text, document.title) == (text, "Heading")
    assert document.metadata["front_matter_error"] == error
    # a block that begins with a field is front matter with a fault; any other may be text between two rules
    assert ("front_matter" in document.metadata) == block.startswith("a:")


TOML = """+++
title = "The ferry"
date = 2024-05-06
at = 07:30:00
tags = ["boats", 3]
weight = inf
# a comment
[menu]
name = "x"
+++
# Other

Text.
"""


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_front_matter_in_toml_is_read_and_is_no_text(tmp_path: Path, line_end: str) -> None:
    document = load(tmp_path, "a.md", TOML.replace("\n", line_end))
    assert document.title == "The ferry"
    assert document.text[document.metadata["front_matter"] :].lstrip().startswith("# Other")
    assert {key: document.metadata[key] for key in ("date", "at", "tags", "weight")} == {
        "date": "2024-05-06", "at": "07:30:00", "tags": ["boats", 3], "weight": "inf",
    }  # fmt: skip
    assert document.metadata["front_matter_error"] == "menu: nested values are not read"


@pytest.mark.parametrize(
    ("block", "error", "is_front_matter"),
    [("a = ", "not TOML: ", True), ("just words", "not TOML: ", False), ("a = " + "[" * 30_000, "not TOML: ", True),
     ("a = " + "9" * 5_000, "", True), ("a = '" + "x" * 70_000 + "'", "70,007 characters", True)],
)  # fmt: skip
def test_toml_that_cannot_be_read_is_named(tmp_path: Path, block: str, error: str, is_front_matter: bool) -> None:
    metadata = load(tmp_path, "a.md", f"+++\n{block}\n+++\nText.\n").metadata
    assert metadata["front_matter_error"].startswith(error)
    assert ("front_matter" in metadata) == is_front_matter


def test_a_rule_at_the_start_is_no_front_matter(tmp_path: Path) -> None:
    assert load(tmp_path, "a.md", "---\n\nText.\n").metadata == {}


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Text.\n\n## The *ferry* ##\n", "The *ferry*"),
        ("```\n# no heading\n```\n\nFerry\n=====\n", "Ferry"),
        ("~~~~\n# no\n~~~\n# no\n~~~~\n# Yes\n", "Yes"),
        ("    # code\n\nwords", ""),
        ("#hashtag\n", ""),
        ("\n---\n", ""),
    ],
)
def test_the_title_is_the_first_heading_and_never_the_name_of_the_file(tmp_path: Path, text: str, title: str) -> None:
    assert load(tmp_path, "stem.md", text).title == title


# --- tables ----------------------------------------------------------------------------------------------------------


def test_a_csv_file_is_its_own_text_with_its_header_known(tmp_path: Path) -> None:
    text = '\ufeffname,"the\nnote"\r\nAda,"one\r\ntwo"\r\n\r\nBob,x\r\n'
    document = load(tmp_path, "people.csv", text)
    assert (document.text, document.title) == (text, "")
    facts = {"header": 'name,"the note"', "columns": 2, "rows": 2, "delimiter": ","}
    assert document.metadata == facts | {"tables": [[1, 1, text.index("Ada")]]}


@pytest.mark.parametrize(
    ("name", "text", "columns"),
    [
        ("a.csv", "a;b;c\n1,5;2;3\n", 3),
        ("a.csv", "a,b\n1;2,3\n", 2),
        ("a.tsv", "a\tb,c\td;e\n", 3),
        ("a.csv", "a\n1\n", 1),
    ],
)
def test_the_delimiter_follows_from_suffix_and_header(tmp_path: Path, name: str, text: str, columns: int) -> None:
    assert load(tmp_path, name, text).metadata["columns"] == columns


def test_ragged_rows_are_kept_and_counted(tmp_path: Path) -> None:
    document = load(tmp_path, "a.csv", "a,b\n1\n1,2\n1,2,3\n")
    facts = {"header": "a,b", "columns": 2, "rows": 3, "ragged_rows": 2, "delimiter": ",", "tables": [[0, 0, 4]]}
    assert document.metadata == facts


def test_a_field_of_any_length_is_read(tmp_path: Path) -> None:
    document = load(tmp_path, "a.csv", "a,b\n1," + "x" * 1_000_000)
    assert (document.metadata["rows"], len(document.text)) == (1, 1_000_006)


def test_a_nul_in_a_table_is_binary(tmp_path: Path) -> None:
    assert rejection(tmp_path, "a.csv", b"a,b\n1,\x002\n") == "binary content: a NUL at byte 6"


def test_json_lines_use_the_field_text_where_every_row_has_it(tmp_path: Path) -> None:
    rows = '{"text": "one\\ntwo", "id": 1}\r\n\n{"text": "thr\\u00e9e \\u2028 x"}\n'
    document = load(tmp_path, "a.jsonl", rows)
    assert document.text == "text: one\ntwo\nid: 1\n\n\ntext: thrée \u2028 x"
    assert (document.encoding, document.title) == ("utf-8", "")
    assert document.metadata == {"rows": 2, "text_field": "text"}
    assert load(tmp_path, "b.jsonl", '{"text": "one\\n\\ntwo"}\n{"text": "three"}').text == "one\n\ntwo\n\n\nthree"


def test_json_lines_without_a_text_field_show_every_value(tmp_path: Path) -> None:
    rows = '{"name": "Ada", "age": 36, "height": 1.70, "x": null, "y": [1], "z": true}\n{"text": "b", "name": "Bob"}'
    document = load(tmp_path, "a.jsonl", rows)
    assert document.text == "name: Ada\nage: 36\nheight: 1.70\nx: null\ny: 1\nz: true\n\n\ntext: b\nname: Bob"
    assert document.metadata == {"rows": 2}


def test_the_named_field_is_used_and_another_one_means_reading_again(tmp_path: Path) -> None:
    document = load(tmp_path, "a.jsonl", '{"body": "b", "text": "t"}', text_field="body")
    assert document.text == "b"
    assert document.extractor != load(tmp_path, "a.jsonl", '{"body": "b", "text": "t"}').extractor


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ('{"body": "x"}\n{"body": \n', "line 2: not JSON: Expecting value"),
        ('{"body": "x"}\n\n[1]\n', "line 3: must be a JSON object"),
        ("[" * 100_000, "line 1: not JSON: "),
        ('{"body": "\\ud800"}', "line 1: half of a surrogate pair"),
        ('{"a": 1, "b": 2}', "line 1: no field 'body'; its fields: 'a', 'b'; set load.text_field to one of them"),
        ("{}", "line 1: no field 'body'; its fields: none"),
        ('{"body": [1]}', "line 1: field 'body' must be text"),
        ('{"body": " "}', "no text: only white space"),
        ('{"body": 1' + "0" * 5000 + "}{", "line 1: not JSON: Expecting property name"),
    ],
)
def test_json_lines_that_cannot_be_used_are_rejected_by_line(tmp_path: Path, rows: str, reason: str) -> None:
    assert rejection(tmp_path, "a.jsonl", rows, text_field="body").startswith(reason)


def test_ten_megabytes_without_a_line_break_are_read(tmp_path: Path) -> None:
    text = "x" * 10_000_000
    assert load(tmp_path, "a.txt", text).text == text


# --- HTML ------------------------------------------------------------------------------------------------------------

ARTICLE = f"""<html lang="en"><head><title>Opening hours</title><meta name="author" content="Ada Vale">
<meta name="date" content="2024-05-06"></head><body><nav><a href="/">Home</a><a href="/x">Contact</a></nav>
<article><h1>Opening hours</h1><p>{PARAGRAPH * 4}</p>
<table><tr><th>Day</th><th>Hours</th></tr><tr><td>Monday</td><td>9–18</td></tr></table><p>{PARAGRAPH}</p></article>
<script>var secret = 1</script><footer>Imprint</footer></body></html>"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FolderLoader]:
    """A loader whose child process serves every test of this module."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "page.html").write_bytes(b"x")
    loader = FolderLoader([folder])
    yield loader
    loader.close()


def page(pages: FolderLoader, content: str | bytes) -> Document:
    path = Path(pages.scan().files[0].path)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return pages.read(pages.scan().files[0])


def test_the_main_text_of_a_page_is_read_with_its_tables(pages: FolderLoader) -> None:
    document = page(pages, ARTICLE)
    assert PARAGRAPH.strip() in document.text and "Monday" in document.text and "9–18" in document.text
    assert "Imprint" not in document.text and "secret" not in document.text and "<" not in document.text
    assert (document.title, document.encoding) == ("Opening hours", "utf-8")
    assert document.metadata["author"] == "Ada Vale" and document.metadata["date"] == "2024-05-06"
    assert document.extractor == "html/5"


@pytest.mark.parametrize("declaration", ['<meta charset="windows-1252">', "<meta charset = 'cp1252'>"])
def test_the_encoding_that_a_page_declares_is_used(pages: FolderLoader, declaration: str) -> None:
    content = f"<html><head>{declaration}</head><body><p>Ça coûte 5 €</p></body></html>"
    document = page(pages, content.encode("cp1252"))
    assert (document.encoding, "Ça coûte 5 €" in document.text) == ("cp1252", True)


def test_a_page_in_utf8_is_read_so_whatever_it_declares(pages: FolderLoader) -> None:
    content = f"<html><head><meta charset='iso-8859-1'></head><body><p>{PARAGRAPH} 漢字 €</p></body></html>"
    assert "漢字 €" in page(pages, content).text


def test_a_codec_that_is_no_charset_gives_no_half_characters(pages: FolderLoader) -> None:
    content = f"<html><head><meta charset='raw_unicode_escape'></head><body><p>{FRENCH} \\ud800</p></body></html>"
    document = page(pages, content.encode("cp1252"))
    assert (document.encoding, document.text.endswith("oublié. \\ud800")) == ("cp1252", True)


@pytest.mark.parametrize(
    ("control", "read"), [("\v", " "), ("\f", " "), ("\a", "\ufffd"), ("&#1;", "\ufffd"), ("\uffff", "\ufffd")]
)
@pytest.mark.parametrize("frame", ["{}", "<footer>{}</footer>"])
def test_a_control_character_does_not_spoil_a_page(pages: FolderLoader, frame: str, control: str, read: str) -> None:
    body = f"<p>{PARAGRAPH}</p><p>The reading{control}room stays open <b>until</b>{control}ten in summer.</p>"
    text = page(pages, f"<html><head><title>Hours</title></head><body>{frame.format(body)}</body></html>").text
    assert f"The reading{read}room" in text and PARAGRAPH.strip() in text


@pytest.mark.parametrize("content", ["<p>Hi there.</p>", "just words", "<ul><li>Hi there</li></ul>"])
def test_a_page_with_hardly_any_text_is_read(pages: FolderLoader, content: str) -> None:
    assert page(pages, content).text.strip()


def test_where_no_main_text_is_found_all_text_is_read_and_that_is_said(pages: FolderLoader) -> None:
    document = page(pages, "<footer>One <b>two</b><div>three</div><script>x()</script></footer>")
    assert document.metadata["extraction"] == "all_text"
    assert document.text == "One two\nthree"


@pytest.mark.parametrize("content", ["<html><head><title>x</title><script>var a</script></head></html>", "<!-- x -->"])
def test_a_page_without_text_is_rejected(pages: FolderLoader, content: str) -> None:
    with pytest.raises(RejectedError, match=r"^no text: "):
        page(pages, content)


def test_external_entities_and_entity_bombs_come_to_nothing(pages: FolderLoader, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2", encoding="utf-8")
    bomb = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(12))
    for entity in (f'<!ENTITY x SYSTEM "file://{tmp_path}/secret">', bomb):
        content = f'<?xml version="1.0"?><!DOCTYPE html [{entity}]><html><body><p>{PARAGRAPH}&x;&l11;</p></body></html>'
        text = page(pages, content).text
        assert "hunter2" not in text and len(text) < 2 * len(content)


def test_a_page_nested_too_deeply_is_rejected(pages: FolderLoader) -> None:
    with pytest.raises(RejectedError, match="nested too deeply"):
        page(pages, "<div>" * 20_000 + "text" + "</div>" * 20_000)


def test_what_is_text_is_read_where_a_glob_says_so_or_its_name_is_given(tmp_path: Path) -> None:
    files = {
        "LICENSE": "MIT",
        "a.py": "x = 1",
        "b.xyz": "Title",
        "sub/c.json": "{}",
        "d.html": "<p>raw</p>",
        "e.bin": "x",
    }
    write(tmp_path, files)
    loader = FolderLoader([tmp_path], FileGlobs(as_text=["LICENSE", "**/*.py", "**/*.json", "*.html"]))
    scan = loader.scan()
    assert {file.source: file.media_type for file in scan.files} == dict.fromkeys(
        ["LICENSE", "a.py", "d.html", "sub/c.json"], "text/plain"
    )
    assert [(other.source, other.reason) for other in scan.others] == [
        ("b.xyz", "unsupported type .xyz"),
        ("e.bin", "unsupported type .bin"),
    ]
    assert [loader.read(file).text for file in scan.files] == ["MIT", "x = 1", "<p>raw</p>", "{}"]
    named = FolderLoader([tmp_path / "b.xyz", tmp_path / "LICENSE", tmp_path / "d.html"])
    assert [named.read(file).text for file in named.scan().files] == ["MIT", "Title", "raw"]


def test_a_named_file_of_unknown_type_that_is_no_text_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x20ftypisom" * 20)
    loader = FolderLoader([tmp_path / "film.mp4"])
    with pytest.raises(RejectedError, match=r"unsupported type \.mp4, and no text"):
        loader.read(loader.scan().files[0])


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("0x" + "f" * 5000, "line 2: a: a number that is too large"),
        ("1" * 5000, "line 2: a: "),
        (":".join(["59"] * 900) + ".5", "line 2: a: a number that is too large"),
        ('"\\ud800"', "line 2: a: half of a surrogate pair, which is no character"),
        ("2024-13-45", "line 2: a: month must be in 1..12"),
        ("[1, 0x" + "f" * 5000 + "]", "line 2: a: a number that is too large"),
    ],
    ids=["hex", "digits", "base 60", "surrogate", "date", "in a list"],
)
def test_front_matter_that_cannot_be_stored_is_named_and_the_text_is_read(
    value: str, fault: str, tmp_path: Path
) -> None:
    write(tmp_path, {"a.md": f"---\na: {value}\nb: kept\n---\n# Title\n\nText.\n"})
    loader = FolderLoader([tmp_path])
    document = loader.read(loader.scan().files[0])
    assert document.metadata["front_matter_error"].startswith(fault)
    assert (document.metadata["b"], document.title) == ("kept", "Title")
    json.dumps(dict(document.metadata), allow_nan=False, ensure_ascii=False).encode()


def test_a_title_of_thousands_of_letters_is_no_title(tmp_path: Path) -> None:
    write(tmp_path, {"a.md": f"# {'h' * 3000}\n\nText.\n"})
    loader = FolderLoader([tmp_path])
    assert loader.read(loader.scan().files[0]).title == ""


def test_a_csv_with_an_open_quote_is_one_row_and_a_header_without_end_is_none(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": 'a,b\n"' + "some text, and more\n" * 50_000, "b.csv": '"' + "no end\n" * 50_000})
    loader = FolderLoader([tmp_path])
    one, none = (loader.read(file).metadata for file in loader.scan().files)
    assert (one["header"], one["rows"]) == ("a,b", 1)
    assert (none["header"], none["rows"]) == ("", 0)


def test_a_small_file_that_unfolds_to_a_book_is_rejected(tmp_path: Path) -> None:
    data = packed_docx(60, "The ferry leaves at noon. " * 1500)
    assert len(data) < 50_000
    (tmp_path / "bomb.docx").write_bytes(data)
    loader = FolderLoader([tmp_path])
    with pytest.raises(RejectedError, match=r"characters from [\d,]+ bytes; at most 20 for each|times its size"):
        loader.read(loader.scan().files[0])
