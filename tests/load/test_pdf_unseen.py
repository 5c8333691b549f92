"""Text of a PDF that nobody sees is left out and counted; what lets it shine through hides nothing."""

from __future__ import annotations

import time

import pytest

from ragqa.load.bounds import Limits
from ragqa.load.pdf import extract
from tests.load.pdfs import raw_pdf, stream

TEXT = b"BT /F0 12 Tf 72 700 Td (The old fee is 31) Tj 0 -40 Td (The new fee is 47) Tj ET "
OVER = b"70 696 200 16 re f"
STATES = b"/ExtGState<</Thin<</ca .4>>/Full<</ca 1>>/Multiply<</BM/Multiply>>>>/Properties<</L 10 0 R>>"
OLD, NEW, BOTH = "The old fee is 31", "The new fee is 47", "The old fee is 31 The new fee is 47"


def read(content: bytes, off: bytes = b"OFF", annotations: tuple[bytes, ...] = ()) -> tuple[str, dict[str, int]]:
    """Return the text on one line, and what is not read. Object 10 is a layer that is off."""
    catalog = b"/OCProperties<</OCGs[10 0 R]/D<</%s[10 0 R]>>>>" % off
    data = raw_pdf(content, catalog=catalog, more=[b"<</Type/OCG/Name(L)>>"], annotations=annotations)
    found = extract(data.replace(b"/Resources<<", b"/Resources<<" + STATES), Limits())
    return " ".join(found.text.split()), found.metadata.get("not_read", {})


@pytest.mark.parametrize(
    "drawn",
    [
        OVER,
        b"70 696 m 270 696 l 270 712 l 70 712 l h f",
        b"/Thin gs /Full gs " + OVER,
        b"q /Thin gs Q " + OVER,
        b"q 70 696 200 16 re W n 0 0 595 842 re f Q",
        b"q 2 0 0 2 0 0 cm 35 348 100 8 re B Q",
    ],
)
def test_text_under_an_opaque_rectangle_is_left_out_and_counted(drawn: bytes) -> None:
    assert read(TEXT + drawn) == (NEW, {"text under shapes": 1})


@pytest.mark.parametrize(
    "drawn",
    [
        b"/Thin gs " + OVER,
        b"/Multiply gs " + OVER,
        b"/Pattern cs /P scn " + OVER,
        b"q 300 300 50 50 re W n 0 0 595 842 re f Q",
        b"50 600 300 150 re 60 690 280 30 re f*",
        b"50 600 300 150 re 340 690 -280 30 re f",
        b"70 696 m 270 696 270 712 70 712 c f",
        b"70 703 200 2 re f",
        b"70 696 200 16 re S",
        b"0 0 595 842 re f",
    ],
)
def test_what_is_no_cover_hides_nothing(drawn: bytes) -> None:
    assert read(TEXT + drawn) == (BOTH, {})


def test_a_shape_that_is_drawn_before_the_text_is_its_background() -> None:
    assert read(b"0.9 g " + OVER + b" 0 g " + TEXT) == (BOTH, {})


def test_only_the_covered_words_of_a_line_are_left_out() -> None:
    text, _ = read(TEXT + b"150 696 30 16 re f")
    assert text == "The old fee is The new fee is 47"


def test_text_without_colour_is_the_text_layer_of_a_scan() -> None:
    assert read(b"3 Tr " + TEXT + OVER)[0] == BOTH


def test_annotations_that_are_filled_cover_text_and_that_of_a_text_box_is_read() -> None:
    places = b"/Rect[70 696 270 712]"
    black = b"<</Type/Annot/Subtype/Square%s/IC[0 0 0]>>" % places
    shining = b"<</Type/Annot/Subtype/Square%s/IC[1 1 0]/CA .3>>" % places
    box = b"<</Type/Annot/Subtype/FreeText%s/C[1 1 1]/Contents(Now 52)>>" % places
    assert read(TEXT, annotations=(black,))[0] == NEW
    assert read(TEXT, annotations=(shining,))[0] == BOTH
    assert read(TEXT, annotations=(box,))[0] == f"{NEW} Now 52"


def test_text_outside_of_the_page_or_of_a_clipping_path_is_left_out_and_counted() -> None:
    outside = b"BT /F0 12 Tf -300 500 Td (The draft fee is 9) Tj ET "
    clipped = b"q 72 100 50 50 re W n BT /F0 12 Tf 72 500 Td (The draft fee is 9) Tj ET Q "
    for drawn in (outside, clipped):
        assert read(TEXT + drawn) == (BOTH, {"text outside the page": 1})


def test_a_layer_that_is_off_is_left_out_and_one_that_is_on_is_read() -> None:
    layer = TEXT + b"/OC /L BDC BT /F0 12 Tf 72 500 Td (The French fee is 9) Tj ET EMC "
    assert read(layer) == (BOTH, {"text in hidden layers": 1})
    assert read(layer, off=b"ON")[0] == f"{BOTH} The French fee is 9"


def test_a_move_to_the_next_line_behind_a_text_moves_nothing() -> None:
    label = b"BT 1 0 0 1 72 780 Tm /F0 12 Tf 14.4 TL (Total:) Tj T* ET BT 1 0 0 1 200 780 Tm (1,250) Tj T* ET "
    power = b"BT 1 0 0 1 72 700 Tm /F0 12 Tf (10) Tj T* ET BT 1 0 0 1 86 705 Tm /F0 7 Tf (6) Tj T* ET"
    assert extract(raw_pdf(label + power), Limits()).text.split("\n")[:2] == ["Total: 1,250", "10^6"]


@pytest.mark.parametrize(
    "box", [b"", b"/MediaBox 7", b"/MediaBox[0 0 595]", b"/MediaBox[0 0 0 0]", b"/MediaBox[595 842 0 0]"]
)
def test_a_page_whose_sides_are_damaged_is_read(box: bytes) -> None:
    assert extract(raw_pdf(TEXT).replace(b"/MediaBox[0 0 595 842]", box), Limits()).text.split() == BOTH.split()


def test_a_form_in_a_layer_that_is_off_is_left_out() -> None:
    form = stream(
        b"BT /F0 12 Tf 72 500 Td (The French fee is 9) Tj ET",
        b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]/OC 10 0 R/Resources<</Font<</F0 100 0 R>>>>",
    )
    for off, shown in ((b"OFF", BOTH), (b"ON", f"{BOTH} The French fee is 9")):
        catalog = b"/OCProperties<</OCGs[10 0 R]/D<</%s[10 0 R]>>>>" % off
        data = raw_pdf(TEXT + b"/X Do", catalog=catalog, more=[b"<</Type/OCG/Name(L)>>", form])
        data = data.replace(
            b"/Resources<</Font<</F0 100 0 R>>>>/Annots",
            b"/Resources<</Font<</F0 100 0 R>>/XObject<</X 11 0 R>>>>/Annots",
        )
        assert " ".join(extract(data, Limits()).text.split()) == shown


def test_a_picture_of_the_whole_page_is_a_scan_and_hides_nothing() -> None:
    picture = stream(b"\0", b"/Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8")
    stamps = b" BT /F0 12 Tf 72 60 Td (Received) Tj 0 -12 Td (by the harbour) Tj 0 -12 Td (office) Tj ET"
    for size, shown in ((b"560 0 0 800 10 10", BOTH), (b"300 0 0 30 70 690", NEW)):
        data = raw_pdf(TEXT + b"q %s cm /X Do Q" % size + stamps, more=[picture])
        data = data.replace(b"/Resources<<", b"/Resources<</XObject<</X 10 0 R>>")
        assert " ".join(extract(data, Limits()).text.split()) == f"{shown} Received by the harbour office"


def test_many_high_rectangles_take_little_time() -> None:
    begun = time.process_time()
    assert read(TEXT + b"500 -25000 9 50000 re f " * 2_000)[0] == BOTH
    assert time.process_time() - begun < 1.5
