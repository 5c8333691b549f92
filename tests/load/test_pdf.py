"""PDF: what a person sees on a page is in its text, and what cannot be read is said."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from pypdf.generic._font import Font
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from ragqa.errors import RejectedError
from ragqa.load import pdf
from ragqa.load.bounds import Limits
from ragqa.load.pdf import extract
from ragqa.load.pdf_fonts import glyph_text
from ragqa.load.titles import real_title
from ragqa.records import Extracted
from tests.limits import no_hang
from tests.load.pdfs import HELVETICA, codes, composite, lines, raw_pdf, stream


def read(data: bytes) -> Extracted:
    return extract(data, Limits())


def reason(data: bytes) -> str:
    with pytest.raises(RejectedError) as caught:
        read(data)
    return str(caught.value)


# --- Fonts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "codec", "text"),
    [
        ("KSCms-UHC-H", "cp949", "뱃삯은 12원, 똠방각하"),
        ("KSCms-UHC-HW-V", "cp949", "항구 A7"),
        ("KSC-EUC-H", "euc_kr", "부두는 넓다"),
        ("EUC-H", "euc_jp", "船の料金は12円"),
        ("90ms-RKSJ-H", "cp932", "岸壁 B-4"),
        ("B5pc-H", "big5", "碼頭費用 12 元"),
        ("HKscs-B5-V", "big5hkscs", "碼頭"),
        ("ETen-B5-H", "cp950", "碼頭 7"),
        ("GBKp-EUC-H", "gbk", "码头费用 12 元"),
        ("UniKS-UTF16-H", "utf-16-be", "항구"),
    ],
)
def test_fonts_in_the_legacy_encodings_of_east_asia_are_decoded(encoding: str, codec: str, text: str) -> None:
    assert read(raw_pdf(codes(text.encode(codec)), fonts=[composite(encoding)])).text.split() == text.split()


def test_a_font_with_the_rows_and_columns_of_jis_is_decoded() -> None:
    data = bytes(byte & 0x7F for byte in "港の船".encode("euc_jp"))
    assert read(raw_pdf(codes(data), fonts=[composite("H")])).text == "港の船"


def test_an_encoding_that_is_not_read_is_named() -> None:
    said = reason(raw_pdf(codes(b"\xc4\xe3\xc9\xbd"), fonts=[composite("CNS-EUC-H")]))
    assert said.startswith("no text that can be read on 1 of 1 pages: ") and "encoding CNS-EUC-H is not read" in said


def test_numbers_of_glyphs_are_not_taken_for_characters() -> None:
    glyphs = codes(bytes.fromhex("002b00480055") * 30, font=1)
    fonts = [HELVETICA, composite("Identity-H")]
    assert "90 characters" in reason(raw_pdf(glyphs, fonts=fonts))
    found = read(
        raw_pdf(lines("The quay is open."), lines("Fees of quay 2 are below.") + codes(b"\0\x41", 1), fonts=fonts)
    )
    assert "The quay is open." in found.text and "\ufffd" in found.text and "A" not in found.text
    assert found.metadata["undecodable"] == 1


def test_a_code_that_a_fonts_map_leaves_out_is_undecodable_and_the_others_are_text() -> None:
    cmap = b"1 begincodespacerange <0000> <ffff> endcodespacerange 2 beginbfchar <0001> <0046> <0002> <0065> endbfchar"
    font = composite("Identity-H", b"10 0 R")
    found = read(raw_pdf(codes(b"\0\1\0\2\0\2\0\3\0\1"), fonts=[font], more=[stream(cmap)]))
    assert (found.text, found.metadata["undecodable"]) == ("Fee\ufffdF", 1)


def test_codes_of_an_embedded_cmap_are_taken_apart_by_its_code_space() -> None:
    to_text = b"1 begincodespacerange <0000> <ffff> endcodespacerange 1 beginbfchar <0141> <0046> endbfchar"
    encoding = stream(b"1 begincodespacerange <0000> <ffff> endcodespacerange", b"/Type/CMap/CMapName/Own")
    font = composite("Identity-H", b"10 0 R").replace(b"/Encoding/Identity-H", b"/Encoding 11 0 R")
    assert read(raw_pdf(codes(b"\1A\1A"), fonts=[font], more=[stream(to_text), encoding])).text == "FF"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("A", "A"), ("f_i", "fi"), ("one.oldstyle", "1"), ("uni00410042", "AB"), ("u1F6A2", "\U0001f6a2"),
        ("g17", "\ufffd"), ("f_g17", "\ufffd"), ("cid_3", "\ufffd"), ("", "\ufffd"), ("u110000", "\ufffd"),
    ],
)  # fmt: skip
def test_the_name_of_a_glyph_gives_its_text_or_is_undecodable(name: str, text: str) -> None:
    assert glyph_text(name) == text


def test_names_of_glyphs_are_not_indexed_as_text() -> None:
    font = b"<</Type/Font/Subtype/Type1/BaseFont/X/Encoding<</Differences[1/g7/g8/f_i/n.sc/e.sc]>>>>"
    fonts = [HELVETICA, font]
    assert "5 characters" in reason(raw_pdf(codes(b"\1\2\1\2\1", 1), fonts=fonts))
    found = read(raw_pdf(lines("The port fee") + codes(b"\3\4\5\1", 1), fonts=fonts))
    assert found.text.split() == ["The", "port", "fee", "fine\ufffd"] and found.metadata["undecodable"] == 1


def test_a_page_that_can_hardly_be_decoded_is_without_text_and_its_characters_are_counted() -> None:
    page = lines("Fee 7") + codes(b"\0\x41" * 40, 1)
    found = read(raw_pdf(lines("The quay is open."), page, fonts=[HELVETICA, composite("Identity-H")]))
    assert (found.text, found.page_starts) == ("The quay is open.\f", (0, 18))
    assert (found.metadata["pages_without_text"], found.metadata["undecodable"]) == ([2], 40)


def test_the_fonts_of_pypdf_are_as_they_were_after_a_file_was_read_or_rejected() -> None:
    before = Font.__dict__["from_font_resource"]
    read(raw_pdf(lines("Text")))
    reason(raw_pdf(codes(b"\0\x41"), fonts=[composite("Identity-H")]))
    assert Font.__dict__["from_font_resource"] is before


# --- Text that is drawn twice ----------------------------------------------------------------------------------------


def bold(*places: tuple[float, float, str]) -> bytes:
    """Return a page on which each text is drawn again a third of a point beside, as programs do for bold letters."""
    drawn = (b"1 0 0 1 %f %f Tm (%s) Tj\n" % (x + off, y, text.encode()) for x, y, text in places for off in (0, 0.3))
    return b"BT /F0 12 Tf\n%sET\n" % b"".join(drawn)


def test_text_that_is_drawn_twice_to_look_bold_is_read_once() -> None:
    letters = [(72 + stringWidth("Harbour"[:n], "Helvetica", 12), 700, letter) for n, letter in enumerate("Harbour")]
    found = read(raw_pdf(bold((72, 760, "Annual report"), *letters)))
    assert found.text.split() == ["Annual", "report", "Harbour"]


def test_equal_texts_at_different_places_are_all_read() -> None:
    stream = io.BytesIO()
    canvas = Canvas(stream)
    for row in range(3):
        for column in range(2):
            canvas.drawString(72 + 100 * column, 700 - 16 * row, "free")
    for number, letter in enumerate("hull"):
        canvas.drawString(72 + 2.7 * number, 500, letter)
    canvas.save()
    words = read(stream.getvalue()).text.split()
    assert words.count("free") == 6 and "".join(words).endswith("hull")


def test_places_beyond_all_numbers_are_not_compared() -> None:
    far = b"BT /F0 12 Tf " + b"1 0 0 1 9e300 7 Tm 9e300 0 0 9e300 0 0 cm (Annual) Tj\n" * 3 + b"ET\n"
    assert read(raw_pdf(far)).text.count("Annual") == 3


def test_a_doubled_word_of_one_operator_stays() -> None:
    assert read(raw_pdf(lines("beriberi", "AABB", "the the"))).text.split() == ["beriberi", "AABB", "the", "the"]


# --- Forms -----------------------------------------------------------------------------------------------------------

WIDGET = b"/Type/Annot/Subtype/Widget/Rect[200 700 400 720]/F 4"
FORM = b"/AcroForm<</Fields[200 0 R]>>"


def form(*fields: bytes, text: str = "Application", more: Sequence[bytes] = ()) -> Extracted:
    widgets = [b"<<%s%s>>" % (WIDGET, each) for each in fields]
    return read(raw_pdf(lines(text), annotations=widgets, catalog=FORM, more=more))


@pytest.mark.parametrize(
    ("field", "line"),
    [
        (b"/FT/Tx/T(Boat)/V(Tern)", "Boat: Tern"),
        (b"/FT/Tx/T(Boat:)/V(Tern\nand Gull)", "Boat: Tern and Gull"),
        (b"/FT/Tx/T(f1_01[0])/TU(Name of the boat)/V(Tern)", "Name of the boat: Tern"),
        (b"/FT/Tx/T(form1[0])/V(Tern)", "form1: Tern"),
        (b"/FT/Ch/T(Quay)/V(2)/Opt[[(1)(North)][(2)(South)]]", "Quay: South"),
        (b"/FT/Ch/T(Quays)/V[(North)(South)]", "Quays: North, South"),
        (b"/FT/Btn/T(Resident)/V/On/AS/On", "Resident: Yes"),
        (b"/FT/Btn/T(Resident)/AS/Off", "Resident: No"),
        (b"/FT/Btn/Ff 32768/T(Pays)/V/Monthly", "Pays: Monthly"),
        (b"/T(name)/Parent<</FT/Tx/T(owner)/V(Ilse)>>", "owner.name: Ilse"),
    ],
)
def test_the_value_of_a_form_field_is_a_line_of_its_page(field: bytes, line: str) -> None:
    assert form(field).text == f"Application\n{line}"


@pytest.mark.parametrize(
    "field",
    [
        b"/FT/Tx/T(Boat)", b"/FT/Tx/T(Boat)/V()", b"/FT/Tx/T(Boat)/V null", b"/FT/Btn/Ff 65536/T(Send)/V/On",
        b"/FT/Btn/Ff 32768/T(Pays)/V/Off", b"/FT/Tx/Ff 8192/T(PIN)/V(1234)", b"/FT/Sig/T(Signature)/V<</Type/Sig>>",
    ],
)  # fmt: skip
def test_fields_that_are_empty_secret_or_buttons_have_no_line(field: bytes) -> None:
    assert form(field, text="Form").text == "Form"


def test_a_hidden_field_has_no_line() -> None:
    hidden = b"<<%s/FT/Tx/T(a)/V(b)>>" % WIDGET.replace(b"/F 4", b"/F 2")
    assert read(raw_pdf(lines("Form"), annotations=[hidden])).text == "Form"


def test_a_value_that_is_drawn_beside_its_name_is_not_repeated() -> None:
    assert form(b"/FT/Tx/T(Boat)/V(Tern)", text="Boat: Tern").text == "Boat: Tern"
    assert form(b"/FT/Tx/T(Year)/V(2024)", text="Form 2024").text == "Form 2024\nYear: 2024"


def test_a_field_whose_parents_form_a_circle_is_read() -> None:
    with no_hang():
        assert form(b"/FT/Tx/V(Tern)/Parent 10 0 R", more=[b"<</T(a)/Parent 10 0 R>>"]).text.endswith("a: Tern")


def test_comments_and_free_text_are_lines_at_the_end_of_their_page() -> None:
    notes = [
        b"<</Type/Annot/Subtype/Text/Contents(The fee is\rout of date.)/T(Ilse)>>",
        b"<</Type/Annot/Subtype/Highlight/Contents(Check this.)>>",
        b"<</Type/Annot/Subtype/FreeText/Contents(Closed in May.)>>",
        b"<</Type/Annot/Subtype/Popup/Contents(The fee is)>>",
        b"<</Type/Annot/Subtype/Text/RC(<body><p>Ask <b>Ada &amp; Bo</b></p></body>)/T(Per)>>",
        b"<</Type/Annot/Subtype/Link/Contents(go)>>",
    ]
    found = read(raw_pdf(lines("One"), lines("Two"), annotations=notes))
    assert found.text == (
        "One\fTwo\nComment by Ilse: The fee is out of date.\nComment: Check this.\nClosed in May.\nComment by Per: Ask Ada & Bo"
    )
    assert [found.text[start : start + 3] for start in found.page_starts] == ["One", "Two"]


def test_a_scanned_page_with_fields_is_said_to_have_no_text_and_its_fields_are_read() -> None:
    found = form(b"/FT/Tx/T(Boat)/V(Tern)", text="")
    assert (found.text, found.metadata["pages_without_text"]) == ("Boat: Tern", [1])


def xfa(text: str, *fields: bytes, catalog: bytes = b"") -> bytes:
    named = b"/AcroForm<</Fields[]/XFA 10 0 R>>" + catalog
    return raw_pdf(lines(text), annotations=fields, catalog=named, more=[stream(b"<xdp/>")])


def test_an_xfa_form_is_rejected_and_one_with_ordinary_fields_is_read() -> None:
    field = b"<<%s/FT/Tx/T(Boat)/V(Tern)>>" % WIDGET
    assert read(xfa("Form", field)).text == "Form\nBoat: Tern"
    for form_in_xml in (
        xfa("Bitte warten"),
        xfa("Please wait...", field),
        xfa("Form", field, catalog=b"/NeedsRendering true"),
    ):
        assert reason(form_in_xml).startswith("an XFA form")


def test_damaged_annotations_are_told_and_the_text_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object) -> list[str]:
        raise ValueError("no dictionary")

    monkeypatch.setattr(pdf, "lines_of", fail)
    found = read(raw_pdf(lines("One"), lines("Two")))
    assert (found.text, found.metadata["annotations_not_read"]) == ("One\fTwo", [1, 2])


# --- The file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "beginning"),
    [
        (b"<!DOCTYPE html>\n<html><body>404</body></html>", "it begins with <!DOCTYPE html>"),
        (b"\xef\xbb\xbf  <html lang='en'>x", "it begins with <html lang='en'>"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "it begins with version https://git-lfs.github.com"),
        (b"PK\3\4\x14\0", "it begins with the bytes 50 4b 03 04"),
        (b" \n", "it is empty"),
        (b"x" * 1024 + raw_pdf(lines("Text")), "it begins with xxxx"),
    ],
)
def test_a_file_that_is_no_pdf_is_rejected_with_its_beginning(data: bytes, beginning: str) -> None:
    assert reason(data).startswith(f"not a PDF file ({beginning}")


def test_a_pdf_after_some_other_bytes_is_read() -> None:
    assert read(b"\xef\xbb\xbf" + raw_pdf(lines("The quay is open."))).text == "The quay is open."


@pytest.mark.parametrize(
    "title",
    [
        "Microsoft Word - fees_v3_FINAL.docx", "Microsoft PowerPoint - Fees of 2024", "fees 2024.pdf", "Fees.indd",
        "untitled", "Untitled-1", "Layout 1", "Document1", "PowerPoint Presentation", "C:\\users\\x\\fees.doc",
        "file:///C|/fees.htm", "https://example.org/fees?id=3", "fees_2024_final", "20240105123456", "  ", "Unbenannt",
        "image0001.jpg", "x" * 5000, "Untitled document - Google Docs", "fees.xlsx - Excel", "Adobe InDesign CS6",
        "Acrobat PDFMaker 10.1 for Word", "(anonymous)", "Bez nazwy",
    ],
)  # fmt: skip
def test_the_name_of_a_program_or_file_is_no_title(title: str) -> None:
    assert real_title(title) == ""


def test_the_name_of_a_program_behind_a_title_is_left_out() -> None:
    assert real_title("Fees of 2024 - Google Docs") == real_title("Fees of 2024 – Mozilla Firefox") == "Fees of 2024"


@pytest.mark.parametrize(
    "title",
    ["Latex gloves", "The Word", "Outlook 2025", "Fees of 2024", "Report 2024", "Layout of the harbour", "Untitled works by Ilse", "Node.js for sailors", "料金",
     "Document management", "Testing boats", "A-3: rules", "Microsoft Azure - a guide", "Word - its origin"],
)  # fmt: skip
def test_a_title_stays(title: str) -> None:
    assert real_title(f" {title}\n") == title


def test_titles_are_decided_within_bounds_of_time() -> None:
    with no_hang():
        for part in ("/a", "_", "a_", " .", "http:", "(", "a.b "):
            real_title(part * 200_000)


def test_page_labels_are_told_where_they_are_not_the_numbers() -> None:
    labels = b"/PageLabels<</Nums[0<</S/r>>1<</S/D/P(A-)/St 8>>]>>"
    pages = [lines("One"), lines("Two"), lines("Three")]
    assert read(raw_pdf(*pages, catalog=labels)).metadata == {"page_labels": ["i", "A-8", "A-9"]}
    assert read(raw_pdf(*pages, catalog=b"/PageLabels<</Nums[0<</S/D>>]>>")).metadata == {}
    assert "page_labels" not in read(raw_pdf(*pages, catalog=b"/PageLabels 7")).metadata
