"""Words that a PDF breaks at a line end are whole in its text; other hyphens and line ends stay."""

from __future__ import annotations

import io
import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfWriter

from ragqa.load.bounds import Limits
from ragqa.load.pdf import extract
from ragqa.load.pdf_text import cleaned
from tests.limits import no_hang
from tests.load.pdfs import lines, raw_pdf


def one(text: str) -> str:
    (page,) = cleaned([text])
    return page


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the benefi-\nciary is paid", "the beneficiary\nis paid"),
        ("the benefi- \n ciary, when paid", "the beneficiary,\nwhen paid"),
        ("the benefi\u2010\nciary", "the beneficiary"),
        ("the bene\u00adfi\u00ad\nciary is paid", "the beneficiary\nis paid"),
        ("Pre\u00ad\nAlpine", "PreAlpine"),
        ("the ﬁrst bene-\nﬁciary", "the first beneficiary"),
        ("a state-of-the-\nart crane", "a state-of-the-art\ncrane"),
        ("the appli-\ncation-spe-\ncific part", "the application-specific\npart"),
        ("a self-\nservice desk", "a self-service\ndesk"),
        ("a check-\nin desk", "a check-in\ndesk"),
        ("an FDA-\napproved drug", "an FDA-approved\ndrug"),
        ("pre-\nand post-war", "pre-\nand post-war"),
        ("black-\nand-white", "black-and-white"),
        ("COVID-\n19 and A-\n7", "COVID-\n19 and A-\n7"),
        ("Saint-\nDenis", "Saint-\nDenis"),
        ("- one\n- two -\nthree", "- one\n- two -\nthree"),
    ],
)
def test_a_word_broken_at_a_line_end_is_joined_and_a_hyphen_of_a_word_stays(text: str, expected: str) -> None:
    assert one(text) == expected


def test_the_document_decides_how_a_broken_word_is_written() -> None:
    assert one("a re-sign of the re-\nsign") == "a re-sign of the re-sign"
    assert one("a self-\nless act is selfless") == "a selfless\nact is selfless"
    assert one("FEES OF THE BENE-\nFICIARY. The beneficiary pays.") == "FEES OF THE BENEFICIARY.\nThe beneficiary pays."
    assert (
        one("a long-\nterm lease of two-\nstorey and pre-\nwar sheds, im-\npaired")
        == "a long-term\nlease of two-storey\nand pre-war\nsheds, impaired"
    )
    assert one("a long-\nterm lease: the term is long") == "a long-term\nlease: the term is long"
    first, second = cleaned(["the cutting-\nedge crane", "a cutting-edge crane"])
    assert (first, second) == ("the cutting-edge\ncrane", "a cutting-edge crane")


def test_a_document_that_does_not_hyphenate_keeps_its_hyphens_at_line_ends() -> None:
    plain = "A line of a letter that says no more than this one.\n" * 100
    assert one(f"{plain}a cutting-\nedge crane") == f"{plain}a cutting-edge\ncrane"
    assert (
        one(f"{plain}a quay-\nside crane, in-house and in-\nhouse")
        == f"{plain}a quay-side\ncrane, in-house and in-house"
    )


def test_a_word_is_not_joined_across_pages() -> None:
    assert cleaned(["the benefi-", "ciary is paid"]) == ["the benefi-", "ciary is paid"]


letters = st.text(alphabet="abcdeéß漢", min_size=1, max_size=8)


@given(
    st.lists(
        st.lists(
            st.tuples(letters, st.sampled_from(["-\n", " ", "\n", "\u00ad\n", "- ", "-", "ﬁ", "1-\n"])), max_size=20
        )
    )
)
def test_no_letter_is_lost_or_made_and_pages_stay(pages: list[list[tuple[str, str]]]) -> None:
    texts = ["".join(part for pair in page for part in pair) for page in pages]
    found = cleaned(texts or [""])
    assert len(found) == max(1, len(texts))
    for before, after in zip(texts, found, strict=False):
        assert re.findall(r"\w", before.replace("ﬁ", "fi")) == re.findall(r"\w", after)
        assert before.count("\n") >= after.count("\n") and "\f" not in after


@given(st.lists(st.text(alphabet="abcdefghij", min_size=6, max_size=9), min_size=2, max_size=30), st.data())
def test_words_of_the_document_that_are_broken_anywhere_are_found_again(words: list[str], data: st.DataObject) -> None:
    cut = [data.draw(st.integers(2, len(word) - 2)) for word in words]
    broken = " ".join(f"{word[:at]}-\n{word[at:]}" for word, at in zip(words, cut, strict=True))
    assert one(f"{' '.join(words)} 0 {broken}").split() == [*words, "0", *words]


@pytest.mark.parametrize("part", ["a-\n", "a" * 300, "-", " ", "a- ", "a\u00ad\n", "-\n ", "\n\n", "ﬁ-\nﬁ"])
def test_hostile_text_is_cleaned_within_bounds_of_time(part: str) -> None:
    with no_hang():
        cleaned([part * (600_000 // len(part))])


def test_the_contents_of_pages_that_are_read_are_not_kept_in_memory() -> None:
    pages = [lines(f"Page {number}") + b"%" + b"x" * 200_000 + b"\n" for number in range(30)]

    def peak(count: int) -> int:
        writer, packed = PdfWriter(io.BytesIO(raw_pdf(*pages[:count]))), io.BytesIO()
        for page in writer.pages:
            page.compress_content_streams()
        writer.write(packed)
        data = packed.getvalue()
        tracemalloc.start()
        try:
            assert extract(data, Limits()).text.count("Page") == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(30) - peak(5) < 5 * 200_000


def test_words_from_right_to_left_and_latin_ones_are_apart() -> None:
    assert cleaned(["وPython أو Rust3"]) == ["و Python أو Rust3"]
