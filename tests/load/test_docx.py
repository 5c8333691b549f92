"""Word files: what a person sees in one is in its text, and what is not read is told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.docx import extract
from ragqa.load.docx_numbering import written
from ragqa.records import Extracted
from tests.load.word_files import (
    cell,
    field,
    listed,
    math,
    numbering,
    packed,
    paragraph,
    run,
    strict,
    table,
    text_box,
    word,
    word_parts,
)

SUPERSCRIPT = '<w:vertAlign w:val="superscript"/>'
SUBSCRIPT = '<w:vertAlign w:val="subscript"/>'
CLAUSES = (("decimal", "%1."), ("decimal", "%1.%2"), ("lowerLetter", "(%3)"), ("lowerRoman", "%4)"))


def read(body: str, **parts: str) -> Extracted:
    return extract(word(body, **parts), Limits())


def text_of(body: str, **parts: str) -> str:
    return read(body, **parts).text


def test_clauses_have_their_numbers_and_a_lower_level_begins_anew() -> None:
    levels = (0, 1, 2, 2, 3, 1, 2, 0, 1)
    body = "".join(listed(f"Item {place}", level) for place, level in enumerate(levels))
    assert text_of(body, numbering=numbering(*CLAUSES)).split("\n") == [
        "1. Item 0", "1.1 Item 1", "(a) Item 2", "(b) Item 3", "i) Item 4", "1.2 Item 5", "(a) Item 6", "2. Item 7",
        "2.1 Item 8",
    ]  # fmt: skip


def test_a_list_goes_on_after_other_text_and_one_with_its_own_start_begins_there() -> None:
    again = '<w:num w:numId="2"><w:abstractNumId w:val="7"/></w:num>'
    anew = (
        '<w:num w:numId="3"><w:abstractNumId w:val="7"/>'
        '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride></w:num>'
    )
    body = listed("Oars") + paragraph("Between.") + listed("Sails") + listed("Ropes", 0, 2) + listed("Lamps", 0, 3)
    found = text_of(body + listed("Flags", 0, 3), numbering=numbering(*CLAUSES, lists=again + anew))
    assert found == "1. Oars\nBetween.\n2. Sails\n3. Ropes\n5. Lamps\n6. Flags"


def test_headings_take_their_numbers_from_their_style_and_keep_their_offsets() -> None:
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="H{n}"><w:name w:val="heading {n}"/>'
        '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
        for n in (1, 2)
    )
    own = '<w:style w:type="paragraph" w:styleId="Own"><w:name w:val="Own"/><w:basedOn w:val="H2"/></w:style>'
    lists = numbering(*CLAUSES)
    for place, style in ((0, "H1"), (1, "H2")):
        lists = lists.replace(f'<w:lvl w:ilvl="{place}">', f'<w:lvl w:ilvl="{place}"><w:pStyle w:val="{style}"/>')
    body = "".join(
        paragraph(text, properties=f'<w:pStyle w:val="{style}"/>')
        for text, style in (("Term", "H1"), ("Length", "H2"), ("End", "H1"), ("Notice", "Own"))
    )
    found = read(body, styles=styles + own, numbering=lists)
    assert found.text == "1. Term\n1.1 Length\n2. End\n2.1 Notice"
    assert found.title == "Term"
    assert [(found.text[at:].split("\n")[0], level) for at, level in found.metadata["headings"]] == [
        ("1. Term", 1), ("1.1 Length", 2), ("2. End", 1), ("2.1 Notice", 2),
    ]  # fmt: skip


def test_bullets_are_dashes_and_the_list_0_ends_numbering() -> None:
    body = listed("Bread") + listed("Plain", 0, 0) + listed("Butter")
    assert text_of(body, numbering=numbering(("bullet", "\uf0b7"))) == "- Bread\nPlain\n- Butter"


def test_a_legal_level_has_digits_only_and_an_empty_paragraph_counts_without_a_label() -> None:
    levels = (("upperRoman", "%1."), ("decimal", "%1.%2"))
    body = listed("Rights") + listed("") + listed("Duties") + listed("To pay", 1)
    legal = numbering(*levels, extra="<w:isLgl/>").replace("<w:isLgl/>", "", 1)
    assert text_of(body, numbering=legal) == "I. Rights\n\nIII. Duties\n3.1 To pay"


@pytest.mark.parametrize(
    ("style", "number", "label"),
    [
        ("decimal", 12, "12"), ("decimalZero", 7, "07"), ("upperLetter", 28, "BB"), ("lowerRoman", 49, "xlix"),
        ("upperRoman", 1994, "MCMXCIV"), ("ordinal", 22, "22nd"), ("ordinal", 113, "113th"), ("none", 3, ""),
        ("decimalEnclosedCircle", 3, "③"), ("chineseCounting", 20, "二十"), ("japaneseCounting", 34, "三十四"),
        ("lowerRoman", 9999, "9999"), ("lowerLetter", 30_000, "30000"), ("hebrew1", 5, "5"),
    ],
)  # fmt: skip
def test_numbers_are_written_in_the_format_of_their_level(style: str, number: int, label: str) -> None:
    assert written(number, style) == label


def test_superscripts_and_subscripts_are_told_apart_from_what_is_before_them() -> None:
    body = paragraph(
        "It holds 10", run("6", SUPERSCRIPT), " litres, 5", run("-", SUPERSCRIPT), run("3", SUPERSCRIPT), " too."
    )
    assert text_of(body) == "It holds 10^6 litres, 5^-3 too."
    assert text_of(paragraph("x", run("i+1", SUBSCRIPT), "y and 2", run("n", SUPERSCRIPT), "m")) == "x_(i+1)y and 2^n m"


@pytest.mark.parametrize(
    ("half_points", "text"), [("6", "10^6 l"), ("-6", "10_6 l"), ("2", "106 l"), ("-1", "106 l"), ("x", "106 l")]
)
def test_text_that_is_raised_by_points_is_a_superscript(half_points: str, text: str) -> None:
    position = f'<w:position w:val="{half_points}"/><w:sz w:val="14"/>'
    assert text_of(paragraph("10", run("6", position), " l")) == text


@pytest.mark.parametrize(
    ("before", "mark", "raised", "after", "text"),
    [
        ("the 1", SUPERSCRIPT, "st", " of May", "the 1st of May"),
        ("H", SUBSCRIPT, "2", "O", "H2O"),
        ("log", SUBSCRIPT, "2", "10", "log_2 10"),
        ("Acme", SUPERSCRIPT, "®", " pumps", "Acme® pumps"),
        ("", SUPERSCRIPT, "14", "C", "^14 C"),
    ],
)
def test_scripts_that_read_well_without_a_mark_have_none(
    before: str, mark: str, raised: str, after: str, text: str
) -> None:
    assert text_of(paragraph(before, run(raised, mark), after)) == text


def test_text_that_is_struck_out_hidden_or_deleted_is_left_out_and_counted() -> None:
    styles = '<w:style w:styleId="Old"><w:name w:val="Old"/><w:rPr><w:strike/></w:rPr></w:style>'
    body = paragraph(
        run("The fee is "), run("40 ", "<w:strike/>"), run("45 ", '<w:rStyle w:val="Old"/>'), run("secret ", "<w:vanish/>"),
        "<w:del><w:r><w:delText>50 </w:delText></w:r></w:del>", f"<w:ins>{run('55 ')}</w:ins>",
        f"<w:moveFrom>{run('gone')}</w:moveFrom>", run("crowns.", '<w:rStyle w:val="Old"/><w:strike w:val="0"/>'),
    )  # fmt: skip
    found = read(body, styles=styles)
    assert found.text == "The fee is 55 crowns."
    assert found.metadata["not_read"] == {"struck-out text": 2, "hidden passages": 1, "deleted passages": 2}


def test_a_paragraph_whose_mark_was_deleted_goes_on_in_the_next_one() -> None:
    gone = '<w:rPr><w:del w:id="1"/></w:rPr>'
    assert text_of(paragraph("The bene", properties=gone) + paragraph("ficiary signs.")) == "The beneficiary signs."
    cells = table(["Boat", "Fee"], ["Yawl", "12"])
    assert text_of(paragraph("Fees", properties=gone) + cells).split("\n")[0] == "Fees"


def test_a_row_that_was_deleted_is_left_out() -> None:
    rows = table(["Rope", "12"], ["Oar", "9"]).replace("<w:tr>", "<w:tr><w:trPr><w:del/></w:trPr>", 1)
    assert text_of(rows) == "| Oar | 9 |"


def test_footnotes_endnotes_and_comments_come_at_the_end() -> None:
    separator = '<w:endnote w:type="separator" w:id="0"><w:p><w:r><w:separator/></w:r></w:p></w:endnote>'
    found = text_of(
        paragraph("The guarantee covers parts", '<w:r><w:endnoteReference w:id="2"/></w:r>', "."),
        footnotes=f"<w:footnote>{paragraph('Not lamps.')}</w:footnote>",
        endnotes=f"{separator}<w:endnote>{paragraph('Write within 45 days.')}{paragraph('By post.')}</w:endnote>",
        comments=f'<w:comment w:author="Ada">{paragraph("Is this")}{paragraph("so?")}</w:comment>'
        f"<w:comment>{paragraph('Yes.')}</w:comment>",
    )
    assert found.split("\n") == [
        "The guarantee covers parts.", "Not lamps.", "Write within 45 days.", "By post.", "Comment by Ada: Is this so?",
        "Comment: Yes.",
    ]  # fmt: skip


def test_headers_and_footers_are_read_once_and_without_page_numbers() -> None:
    def section(*references: str) -> str:
        made = "".join(
            f'<w:{"headerReference" if "header" in each else "footerReference"} w:type="{kind}" r:id="{each}"/>'
            for each, kind in (reference.split(":") for reference in references)
        )
        return f"<w:sectPr>{made}</w:sectPr>"

    body = paragraph("Text.", properties=section("header1:default", "footer1:default", "header2:first"))
    found = text_of(
        body + section("header3:default", "footer1:default"),
        header1=paragraph("Harbour rules"),
        header2=paragraph("Only on a first page, which no section has"),
        header3=paragraph("Harbour rules"),
        footer1=paragraph("Page ", field(" PAGE ", "3"), " of ", '<w:fldSimple w:instr="NUMPAGES"><w:r><w:t>9</w:t></w:r></w:fldSimple>')
        + paragraph("Form 12, page ", field("PAGE", "3")),
    )  # fmt: skip
    assert found == "Text.\nHarbour rules\nForm 12, page "


def test_a_text_box_is_apart_from_the_text_around_it_and_cuts_no_sentence() -> None:
    assert text_of(paragraph(text_box("Ring 4471"), "We open at nine.")) == "Ring 4471\nWe open at nine."
    assert text_of(paragraph("We open ", text_box("Ring 4471", "or write"), "at nine.")).split("\n") == [
        "We open at nine.", "Ring 4471", "or write",
    ]  # fmt: skip


def test_a_text_box_that_only_an_older_form_has_is_read() -> None:
    assert text_of(paragraph(text_box("Ring 4471").replace("mc:Choice", "mc:Other"))) == "Ring 4471"


def test_equations_are_text_within_a_sentence_and_on_lines_of_their_own() -> None:
    inline = paragraph("where C is ", f"<m:oMath>{math('0.47')}</m:oMath>", " for a ball.")
    alone = f"<m:oMathPara><m:oMath>{math('F=½ρv²CA')}</m:oMath><m:oMath>{math('a=b')}</m:oMath></m:oMathPara>"
    assert text_of(paragraph(alone) + inline) == "F=½ρv²CA\na=b\nwhere C is 0.47 for a ball."


def test_the_result_of_a_field_is_text_and_its_code_is_not() -> None:
    inner = field("MERGEFIELD Sex", "male")
    outer = field(f' IF </w:instrText></w:r>{inner}<w:r><w:instrText> = "male" "Mr" "Ms" ', "Mr")
    assert (
        text_of(paragraph("Dear ", outer, " Gray of ", field(' DATE \\@ "d.M.yyyy" ', "4.5.2024")))
        == "Dear Mr Gray of 4.5.2024"
    )


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        (r"EQ \f( 3 , 4 )", "3/4"),
        ("EQ \\f(" + " " * 5_000 + "," + " " * 5_000, "\\f(" + " " * 5_000 + ","),
        (r"EQ \r(3,x)", r"\sqrt[3]{x}"),
        (r'EQ \* jc2 \* "Font:MS Mincho" \* hps10 \o\ad(\s\up 9(みなと),港)', "港(みなと)"),
    ],
)
def test_old_equations_and_readings_above_characters_are_text(code: str, shown: str) -> None:
    assert text_of(paragraph(field(code))) == shown


def test_a_field_without_an_end_hides_no_later_text() -> None:
    begun = '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>IF</w:instrText></w:r>'
    assert text_of(paragraph(begun, "One") + paragraph(begun, field("DATE", "Two")) + paragraph("Three")).split("\n")[
        ::2
    ] == ["One", "Three"]


def test_check_boxes_and_choices_of_forms_are_shown() -> None:
    def box(checked: str) -> str:
        return (
            f'<w:sdt><w:sdtPr><w14:checkbox><w14:checked w14:val="{checked}"/></w14:checkbox></w:sdtPr>'
            f"<w:sdtContent>{run('☒')}</w:sdtContent></w:sdt>"
        )

    assert text_of(paragraph(box("1"), " Tea ", box("0"), " Milk")) == "[x] Tea [ ] Milk"
    ticked = "<w:ffData><w:checkBox><w:default w:val='0'/><w:checked/></w:checkBox></w:ffData>"
    empty = "<w:ffData><w:checkBox><w:default w:val='0'/></w:checkBox></w:ffData>"
    entries = "".join(f'<w:listEntry w:val="{each}"/>' for each in ("Oban", "Mull"))
    choice = f'<w:ffData><w:ddList><w:result w:val="1"/>{entries}</w:ddList></w:ffData>'
    body = paragraph(field("FORMCHECKBOX", form=ticked), " Yes ", field("FORMCHECKBOX", form=empty), " No, from ",
                     field("FORMDROPDOWN", form=choice), " as ", field("FORMTEXT", "Ilse", "<w:ffData/>"))  # fmt: skip
    assert text_of(body) == "[x] Yes [ ] No, from Mull as Ilse"


def test_symbols_are_characters_and_one_that_is_not_known_is_told() -> None:
    found = read(
        paragraph(
            "5 ", '<w:r><w:sym w:font="Symbol" w:char="F06D"/></w:r>', "m ", run("\uf0b1", '<w:rFonts w:ascii="Symbol"/>'),
            " 1 ", '<w:r><w:sym w:font="Wingdings" w:char="F0FC"/></w:r>', '<w:r><w:sym w:font="Odd" w:char="F021"/></w:r>',
        )
    )  # fmt: skip
    assert found.text == "5 μm ± 1 ✓\ufffd"
    assert found.metadata["not_read"] == {"symbols": 1}


def test_merged_cells_stand_in_each_column_and_row_that_they_cover() -> None:
    down, below = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    rows = table(
        [cell("Boat"), cell("Fee", properties='<w:gridSpan w:val="2"/>')],
        [cell("Tern", properties=down), "summer", "40"],
        [cell("", properties=below), "winter", "25"],
        ["Auk", "winter", "30"],
    )
    assert text_of(rows).split("\n") == [
        "| Boat | Fee | Fee |", "|---|---|---|", "| Tern | summer | 40 |", "| Tern | winter | 25 |", "| Auk | winter | 30 |"
    ]  # fmt: skip


def test_a_long_merged_cell_is_read_once_and_a_row_that_starts_late_keeps_its_columns() -> None:
    long = "word " * 60 + "end"
    row = f'<w:tr><w:trPr><w:gridBefore w:val="1"/></w:trPr>{cell("1")}</w:tr>'
    late = table(["A", "B"]).replace("</w:tbl>", f"{row}</w:tbl>")
    assert text_of(late) == "| A | B |\n|---|---|\n|  | 1 |"
    rows = table([cell(long, properties='<w:gridSpan w:val="2"/>'), "x"], ["1", "2", "3"])
    assert text_of(rows) == f"| {long} |  | x |\n| 1 | 2 | 3 |"


def test_a_table_in_a_cell_keeps_its_rows_apart_and_a_cell_for_layout_is_no_cell() -> None:
    inner = table(["Rope", "12"], ["Oar", "9"])
    assert text_of(table(["Prices", cell("See:", inner, "")])) == "| Prices | See: Rope 12; Oar 9 |"
    assert text_of(table([cell("See:", inner)])) == "See:\n| Rope | 12 |\n| Oar | 9 |"


def test_a_chart_is_read_as_a_table_with_its_titles() -> None:
    def cached(kind: str, values: list[str], code: str = "General") -> str:
        points = "".join(f'<c:pt idx="{place}"><c:v>{value}</c:v></c:pt>' for place, value in enumerate(values))
        return f"<c:{kind}><c:formatCode>{code}</c:formatCode>{points}</c:{kind}>"

    def series(name: str, values: list[str], code: str) -> str:
        labels = cached("strCache", ["Tern", "Auk"])
        return f"<c:ser><c:tx><c:v>{name}</c:v></c:tx><c:cat>{labels}</c:cat><c:val>{cached('numCache', values, code)}</c:val></c:ser>"

    title = "<c:title><a:p><a:r><a:t>Catch</a:t></a:r><a:r><a:t> by boat</a:t></a:r></a:p></c:title>"
    plot = series("Tons", ["4.2999999999999998", "12"], "General") + series("Share", ["0.25", "0.75"], "0%")
    body = paragraph("Below.", '<w:r><w:drawing><c:chart r:id="chart"/></w:drawing></w:r>')
    assert text_of(body, chart=title + plot) == "Below.\nCatch by boat\n\tTons\tShare\nTern\t4.3\t25%\nAuk\t12\t75%"


def test_a_diagram_is_read() -> None:
    points = "".join(
        f"<dgm:pt><dgm:t><a:p><a:r><a:t>{each}</a:t></a:r></a:p></dgm:t></dgm:pt>" for each in ("Ask", "Pay")
    )
    body = paragraph('<w:r><w:drawing><dgm:relIds r:dm="diagramData"/></w:drawing></w:r>')
    assert text_of(body, diagramData=points) == "Ask\nPay"


def test_pictures_and_embedded_objects_are_told() -> None:
    shape = "<w:object><v:shape><v:imagedata/></v:shape><o:OLEObject ProgID='Excel.Sheet.12'/></w:object>"
    body = paragraph("Text.", f"<w:r><w:drawing><a:blip/></w:drawing>{shape}</w:r>") + '<w:altChunk r:id="x"/>'
    expected = {"pictures": 1, "embedded objects (Excel.Sheet.12)": 1, "embedded documents": 1}
    assert read(body).metadata["not_read"] == expected


def test_the_alternative_text_of_a_picture_stands_in_its_place() -> None:
    def picture(own: str = "") -> str:
        return f'<pic:pic><pic:nvPicPr><pic:cNvPr descr="{own}"/></pic:nvPicPr><pic:blipFill><a:blip/></pic:blipFill></pic:pic>'

    def drawing(about: str, *pictures: str) -> str:
        return (
            f'<w:r><w:drawing><wp:inline><wp:docPr descr="{about}"/>{"".join(pictures)}</wp:inline></w:drawing></w:r>'
        )

    first = drawing("A&#10;gannet", picture("IMG_1.png"), picture("Its nest"))
    machine = drawing("A bird&#10;&#10;Description automatically generated", picture())
    old = '<w:r><w:pict><v:shape alt="The old quay"><v:imagedata/></v:shape></w:pict></w:r>'
    found = read(
        paragraph("See", drawing("A gannet over the quay", picture()), "now.") + paragraph(first, machine, old)
    )
    assert (
        found.text
        == "See [picture: A gannet over the quay] now.\n[picture: A gannet][picture: Its nest][picture: The old quay]"
    )
    assert found.metadata["not_read"] == {"pictures": 5}


def test_a_file_whose_text_is_all_in_what_is_not_read_is_rejected_with_it() -> None:
    with pytest.raises(RejectedError, match=r"no text; not read: embedded documents \(1\)"):
        read('<w:altChunk r:id="x"/>')


def test_a_strict_file_is_read_as_a_transitional_one() -> None:
    body = listed("Pay") + paragraph("10", run("6", SUPERSCRIPT), f"<m:oMath>{math('a')}</m:oMath>") + table(["A", "B"])
    parts = {"numbering": numbering(*CLAUSES), "endnotes": f"<w:endnote>{paragraph('Note.')}</w:endnote>"}
    found = extract(strict(body, **parts), Limits())
    assert found == read(body, **parts)
    assert found.text == "1. Pay\n10^6 a\n| A | B |\n\nNote."


def test_a_namespace_of_the_strict_variant_in_the_text_stays_as_it_is() -> None:
    name = "http://purl.oclc.org/ooxml/wordprocessingml/main"
    assert extract(strict(paragraph(name)), Limits()).text == name


def test_a_reading_above_characters_follows_them_in_brackets() -> None:
    ruby = f"<w:r><w:ruby><w:rt>{run('とうきょう')}</w:rt><w:rubyBase>{run('東京')}</w:rubyBase></w:ruby></w:r>"
    assert text_of(paragraph(ruby, "へ")) == "東京(とうきょう)へ"


def test_a_chart_without_values_or_without_its_part_is_told() -> None:
    drawings = "".join(f'<w:r><w:drawing><c:chart r:id="{each}"/></w:drawing></w:r>' for each in ("chart", "other"))
    found = read(paragraph("Text.", drawings), chart="<c:chart/>")
    assert (found.text, found.metadata["not_read"]) == ("Text.", {"charts": 2})


def test_a_part_that_is_not_there_is_told_and_the_rest_is_read() -> None:
    parts = word_parts(paragraph("Text."), footnotes="", comments="")
    del parts["word/footnotes.xml"]
    found = extract(packed(parts), Limits())
    assert (found.text, found.metadata["not_read"]) == ("Text.", {"missing parts": 1})


def test_parts_are_found_whatever_case_and_slashes_their_names_have() -> None:
    parts = {name.replace("word/", "Word\\"): content for name, content in word_parts(paragraph("Text.")).items()}
    assert extract(packed(parts), Limits()).text == "Text."


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"word/document.xml": "<presentation/>"}, "not a DOCX file: its main part is a presentation"),
        ({"_rels/.rels": "<Relationships/>"}, "no document part"),
        ({"word/document.xml": f"{'<x>' * 400}{'</x>' * 400}"}, "damaged: word/document.xml"),
    ],
)
def test_what_is_no_word_document_is_rejected_with_the_reason(change: dict[str, str], reason: str) -> None:
    with pytest.raises(RejectedError, match=reason):
        extract(packed(word_parts(paragraph("Text.")) | change), Limits())


WRAPPERS = [
    "<w:p>{}</w:p>", "<w:r>{}</w:r>", "<w:tbl>{}</w:tbl>", "<w:tr>{}</w:tr>", "<w:tc>{}</w:tc>", "<m:oMath>{}</m:oMath>",
    "<m:sSup><m:e>{0}</m:e><m:sup>{0}</m:sup></m:sSup>", "<m:f><m:num>{}</m:num></m:f>", "<m:nary>{}</m:nary>",
    '<w:sdt><w:sdtContent>{}</w:sdtContent></w:sdt>', "<w:txbxContent>{}</w:txbxContent>", "<w:ruby><w:rt>{}</w:rt></w:ruby>",
    '<w:p><w:pPr><w:outlineLvl w:val="1"/><w:numPr><w:ilvl w:val="77"/><w:numId w:val="1"/></w:numPr></w:pPr>{}</w:p>',
    '<w:fldChar w:fldCharType="begin">{}</w:fldChar>', '<w:fldChar w:fldCharType="separate"/>{}', '<w:fldChar w:fldCharType="end"/>{}',
    '<w:tc><w:tcPr><w:gridSpan w:val="9999999999"/><w:vMerge/></w:tcPr>{}</w:tc>', "<mc:AlternateContent>{}</mc:AlternateContent>",
    '<w:sym w:char="xyz" w:font=""/>{}', '<c:chart r:id="numbering"/>{}', "<w:r><w:rPr><w:vertAlign/></w:rPr>{}</w:r>",
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.sampled_from(WRAPPERS), max_size=8), max_size=6))
def test_elements_at_any_place_raise_nothing_and_headings_begin_lines(branches: list[list[str]]) -> None:
    body = paragraph("First.")
    for place, branch in enumerate(branches):
        inner = run(f"word{place}")
        for wrapper in branch:
            inner = wrapper.format(inner)
        body += inner
    found = read(body, numbering=numbering(*CLAUSES))
    assert found.text.startswith("First.")
    for offset, _ in found.metadata.get("headings", ()):
        assert found.text[offset - 1] == "\n" and found.text[offset:].strip()


def test_a_style_that_is_based_on_itself_ends() -> None:
    styles = '<w:style w:styleId="A"><w:name w:val="A"/><w:basedOn w:val="A"/></w:style>'
    assert text_of(paragraph("Text.", properties='<w:pStyle w:val="A"/>'), styles=styles) == "Text."


def test_the_first_row_of_a_table_has_the_names_of_its_columns_unless_word_is_told_otherwise() -> None:
    rows = table(["Boat", "Master"], ["Tern", "Ada"])
    named = "| Boat | Master |\n|---|---|\n| Tern | Ada |"

    def formatted(look: str) -> str:
        return text_of(rows.replace("<w:tbl>", f"<w:tbl><w:tblPr><w:tblLook {look}/></w:tblPr>"))

    assert text_of(rows) == formatted('w:val="04A0"') == named
    assert formatted('w:val="0400"') == formatted('w:firstRow="0"') == "| Boat | Master |\n| Tern | Ada |"
    assert text_of(table(["Boat", "2023"], ["Tern", "4"])).startswith("| Boat | 2023 |\n|---|")


def test_cells_of_long_prose_arrange_a_page_and_are_lines() -> None:
    prose = "The ferry leaves the pier at noon on every day of the week. " * 12
    assert text_of(table([prose, "Left."], ["Right.", "End."])).split("\n") == [
        prose.strip(),
        "Left.",
        "Right.",
        "End.",
    ]


def test_a_header_of_two_rows_gives_each_column_both_names() -> None:
    wide, down = '<w:gridSpan w:val="2"/>', '<w:vMerge w:val="restart"/>'
    rows = table(
        [cell("Boat", properties=down), cell("Fee", properties=wide)],
        [cell("", properties="<w:vMerge/>"), "summer", "winter"],
        ["Tern", "40", "25"],
    )
    assert text_of(rows) == "| Boat | Fee summer | Fee winter |\n|---|---|---|\n| Tern | 40 | 25 |"


def test_a_table_whose_first_row_has_no_cells_is_read() -> None:
    removed = "<w:tr><w:tc><w:tcPr><w:cellDel/></w:tcPr><w:p><w:r><w:t>x</w:t></w:r></w:p></w:tc></w:tr>"
    for first in ("<w:tr></w:tr>", removed):
        empty = table(["A", "B"], ["1", "2"]).replace("<w:tr>", f"{first}<w:tr>", 1)
        assert text_of(empty) == "| A | B |\n|---|---|\n| 1 | 2 |"
    assert text_of("<w:tbl><w:tr/><w:tr/></w:tbl>") == ""
    look = '<w:tbl><w:tblPr><w:tblLook w:firstRow="true"/></w:tblPr>'
    assert text_of(table(["A", "B"], ["1", "2"]).replace("<w:tbl>", look)) == "| A | B |\n|---|---|\n| 1 | 2 |"
