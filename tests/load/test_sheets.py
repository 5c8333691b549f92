"""XLSX, XLS and ODS: cells as the sheet shows them, where tables and rows are, and what is told of the rest."""

from __future__ import annotations

import contextlib
import datetime
import io
import random
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlwt
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.chart import BarChart, Reference, Series
from openpyxl.chart.data_source import AxDataSource, NumData, NumDataSource, NumVal, StrData, StrVal
from openpyxl.comments import Comment
from openpyxl.drawing.image import Image
from openpyxl.styles import Font
from PIL import Image as Picture

from ragqa.config.specs import RecursiveSplit
from ragqa.errors import RejectedError
from ragqa.load import FolderLoader
from ragqa.load.bounds import Limits
from ragqa.load.extract import extract
from ragqa.load.formats import ODS, XLS, XLSX
from ragqa.load.sheets import opendocument, workbook
from ragqa.load.sheets.xlsb import _compressed
from ragqa.records import Document, Extracted
from ragqa.split import RecursiveSplitter
from tests.fakes import WordEmbedder
from tests.limits import no_hang
from tests.load.sheet_files import ODS_NAMES, ods, rows_xlsx, with_parts, xls, xlsb, xlsx, zipped

SHEET = "xl/worksheets/sheet1.xml"
DAY = datetime.date(2024, 3, 1)
FORMATTED = [
    (1250, "#,##0.00", "1,250.00"),
    (0.12, "0 %", "12 %"),
    (DAY, "yyyy-mm-dd", "2024-03-01"),
    (1250, '#,##0.00 "€"', "1,250.00 €"),
    (-3.5, "0.0;(0.0)", "(3.5)"),
    (7, "0000", "0007"),
]


def read(data: bytes) -> Extracted:
    return workbook(data, Limits())


def lines(found: Extracted) -> list[str]:
    return found.text.splitlines()


def row_at(found: Extracted, text: str) -> tuple[str, int | None]:
    """Return the place of a text as a citation names it: the sheet, and the number of the row."""
    offset = found.text.index(text)
    start, name, *row = [place for place in found.metadata["places"] if place[0] <= offset][-1]
    return name, row[0] + found.text.count("\n", start, offset) if row else None


def headers(found: Extracted) -> list[str]:
    return [found.text[header:body].strip() for _, header, body in found.metadata["tables"]]


# --- values ----------------------------------------------------------------------------------------------------------


def test_numbers_and_dates_of_an_xlsx_are_as_the_sheet_shows_them() -> None:
    def fill(book: Any) -> None:
        for row, (value, number_format, _) in enumerate(FORMATTED, start=1):
            book.active.cell(row, 1, f"line {row}")
            book.active.cell(row, 2, value).number_format = number_format

    assert lines(read(xlsx(fill)))[1:] == [f"line {n}\t{shown}" for n, (*_, shown) in enumerate(FORMATTED, start=1)]


def test_numbers_and_dates_of_an_xls_are_as_the_sheet_shows_them() -> None:
    import xlwt

    def fill(sheet: Any) -> None:
        for row, (value, number_format, _) in enumerate(FORMATTED):
            sheet.write(row, 0, f"line {row + 1}")
            sheet.write(row, 1, value, xlwt.easyxf(num_format_str=number_format))

    assert lines(read(xls(fill)))[1:] == [f"line {n}\t{shown}" for n, (*_, shown) in enumerate(FORMATTED, start=1)]


def test_cells_of_an_ods_are_the_text_that_they_show() -> None:
    cells = '<table:table-cell office:value-type="float" office:value="0.12"><text:p>12 %</text:p></table:table-cell>'
    spaced = "<table:table-cell><text:p>two<text:line-break/>lines<text:s text:c='3'/>here</text:p></table:table-cell>"
    row = f"<table:table-row>{cells}{spaced}</table:table-row>"
    found = opendocument(ods(f'<table:table table:name="Shares">{row}</table:table>'), Limits())
    assert lines(found) == ["Shares", "12 %\ttwo lines here"]


def test_booleans_errors_and_values_of_formulas_are_read_and_formulas_without_a_value_are_counted() -> None:
    data = rows_xlsx(["sum", "=1+2", "=3+4"], [True, "#N/A", "end"])
    found = read(with_parts(data, {SHEET: lambda xml: xml.replace("<f>1+2</f><v></v>", "<f>1+2</f><v>3</v>")
                                   .replace("<f>1+2</f><v />", "<f>1+2</f><v>3</v>")}))  # fmt: skip
    assert lines(found)[1:] == ["sum\t3", "TRUE\t#N/A\tend"]
    assert found.metadata["not_read"] == {"formulas without a value": 1}


def test_characters_that_an_xlsx_writes_by_their_numbers_are_read() -> None:
    data = with_parts(
        rows_xlsx(["Name", "Fee"], ["Ada Berg", 12]),
        {"xl/sharedStrings.xml": lambda xml: xml.replace("Ada Berg", "Ada_x000D_Berg")},
    )
    assert "Ada Berg\t12" in read(data).text


def test_days_of_a_file_that_counts_from_1904_are_right() -> None:
    def fill(book: Any) -> None:
        from openpyxl.utils.datetime import CALENDAR_MAC_1904

        book.epoch = CALENDAR_MAC_1904
        book.active.append(["day", DAY])

    assert "day\t2024-03-01" in read(xlsx(fill)).text


# --- layout ----------------------------------------------------------------------------------------------------------


def test_every_sheet_is_read_in_order_below_its_name_and_hidden_parts_are_told() -> None:
    def fill(book: Any) -> None:
        book.active.append(["item", "price", "secret"])
        book.active.append(["oar", 5, 1])
        book.active.append(["sail", 9, 2])
        book.active.row_dimensions[3].hidden = True
        book.active.column_dimensions["C"].hidden = True
        book.create_sheet("Empty")
        book.create_sheet("Costs").append(["wood", 3])
        book["Costs"].sheet_state = "veryHidden"

    found = read(xlsx(fill))
    assert lines(found) == ["Prices", "item\tprice\tsecret", "oar\t5\t1", "sail\t9\t2", "", "Costs", "wood\t3"]
    assert found.metadata["hidden"] == {"sheets": 1, "rows": 1, "columns": 1}
    assert [found.text[start:].split("\n")[0] for start, _ in found.metadata["headings"]] == ["Prices", "Costs"]
    assert row_at(found, "sail") == ("sheet Prices", 3)
    assert row_at(found, "wood") == ("sheet Costs", 1)


def test_titles_notes_and_several_tables_of_a_sheet_are_told_apart() -> None:
    data = rows_xlsx(
        ["Boats for hire"], [], ["type", "day"], ["A", 40], ["B", 55], [], ["Moorings"], [], ["berth", "length"], ["7", 12], *[[]] * 30,
        ["All prices include tax"],
    )  # fmt: skip
    found = read(data)
    assert headers(found) == ["type\tday", "berth\tlength"]
    assert row_at(found, "B\t55") == ("sheet Prices", 5)
    assert row_at(found, "All prices") == ("sheet Prices", 41)


def test_merged_cells_are_repeated_and_a_title_over_the_whole_table_is_not() -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        for row in (["Price list", None, None], ["type", "summer", "winter"], ["A", "closed", None], [None, 3, 4]):
            sheet.append(row)
        for cells in ("A1:C1", "B3:C3", "A3:A4"):
            sheet.merge_cells(cells)

    assert lines(read(xlsx(fill)))[1:] == ["Price list", "type\tsummer\twinter", "A\tclosed\tclosed", "A\t3\t4"]


def test_names_of_columns_in_two_rows_become_one_line_and_rows_keep_their_numbers() -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        for row in (["type", "summer", None, "winter", None], [None, "day", "week", "day", "week"], ["A", 1, 2, 3, 4]):
            sheet.append(row)
        for cells in ("A1:A2", "B1:C1", "D1:E1"):
            sheet.merge_cells(cells)

    found = read(xlsx(fill))
    assert headers(found) == ["type\tsummer day\tsummer week\twinter day\twinter week"]
    assert row_at(found, "A\t1") == ("sheet Prices", 3)


def test_tables_side_by_side_follow_one_another_and_an_empty_column_within_a_table_does_not_cut_it() -> None:
    beside = read(rows_xlsx(["type", "day", None, "berth", "length"], ["A", 40, None, 7, 12], [None, None, None, 8, 9]))
    assert headers(beside) == ["type\tday", "berth\tlength"]
    assert row_at(beside, "8\t9") == ("sheet Prices", 3)
    within = read(rows_xlsx(["type", "day", None, "week", "month"], ["A", 40, None, 7, 12], ["B", 41, None, 8, 13]))
    assert lines(within)[1:] == ["type\tday\tweek\tmonth", "A\t40\t7\t12", "B\t41\t8\t13"]


def test_a_cell_with_a_quotation_mark_does_not_swallow_the_rows_below() -> None:
    found = read(rows_xlsx(["name", "n"], ['"Anna', 1], ["two\nlines\tand a tab", 2], ["z", 3]))
    assert found.metadata["rows"] == 3
    assert lines(found)[3] == "two lines and a tab\t2"


# --- what is beside the cells ----------------------------------------------------------------------------------------


def test_comments_are_read_with_their_cell_and_charts_and_pictures_are_counted() -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        for row in (["year", "ducks"], [2023, 280], [2024, 310]):
            sheet.append(row)
        sheet["B3"].comment = Comment("The highest number so far", "Jane")
        chart = BarChart()
        chart.title = "Ducks by year"
        chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3), titles_from_data=True)
        sheet.add_chart(chart, "D1")
        stream = io.BytesIO()
        Picture.new("RGB", (4, 4)).save(stream, "PNG")
        sheet.add_image(Image(stream), "F1")

    found = read(xlsx(fill))  # the file keeps no values for its chart
    assert lines(found)[-2:] == ["Comment on B3 (2024: 310) by Jane: The highest number so far", "Chart: Ducks by year"]
    assert found.metadata["not_read"] == {"pictures": 1, "charts": 1}


def charted(rows: int, described: str = "") -> bytes:
    """Return a workbook with a chart of so many rows and a picture with an alternative text."""

    def fill(book: Any) -> None:
        sheet = book.active
        sheet.append(["year", "ducks"])
        chart = BarChart()
        chart.title, chart.y_axis.title = "Ducks by year", "Number"
        labels = [str(2001 + place) for place in range(rows)]
        series = Series(Reference(sheet, min_col=2, min_row=1, max_row=rows), title="wild")
        series.cat = AxDataSource(strLit=StrData(pt=[StrVal(idx=n, v=each) for n, each in enumerate(labels)]))
        series.val = NumDataSource(
            numLit=NumData(formatCode="0", pt=[NumVal(idx=n, v=str(280 + n)) for n in range(rows)])
        )
        chart.append(series)
        sheet.add_chart(chart, "D1")
        stream = io.BytesIO()
        Picture.new("RGB", (4, 4)).save(stream, "PNG")
        sheet.add_image(Image(stream), "F1")

    return with_parts(
        xlsx(fill), {"xl/drawings/drawing1.xml": lambda xml: xml.replace('descr="Picture"', f'descr="{described}"')}
    )


def test_a_chart_is_its_titles_and_values_and_the_alternative_text_of_a_picture_is_read() -> None:
    found = read(charted(2, "A duck on the pond"))
    assert lines(found)[-7:] == [
        "Chart: Ducks by year", "Number", "| | wild |", "|---|---|", "| 2001 | 280 |", "| 2002 | 281 |", "[picture: A duck on the pond]",
    ]  # fmt: skip
    assert found.metadata["not_read"] == {"pictures": 1}


def test_of_a_chart_with_very_many_values_the_names_are_read() -> None:
    found = read(charted(501))
    assert lines(found)[-3:] == ["Chart: Ducks by year", "Number", "wild"]
    assert found.metadata["not_read"] == {"pictures": 1, "charts": 1}


def test_a_chart_and_a_picture_in_an_ods_are_read() -> None:
    def row(*cells: str) -> str:
        return f"<table:table-row>{''.join(f'<table:table-cell><text:p>{each}</text:p></table:table-cell>' for each in cells)}</table:table-row>"

    chart = (
        f"<office:document-content{ODS_NAMES}><office:body><office:chart><chart:chart><chart:title><text:p>Ducks</text:p></chart:title>"
        f"<table:table>{row('', 'wild')}{row('2023', '280')}</table:table></chart:chart></office:chart></office:body></office:document-content>"
    )
    drawn = (
        '<table:shapes><draw:frame><draw:object xlink:href="./Object 1"/><draw:image/></draw:frame>'
        '<draw:frame><draw:object xlink:href="./Object 2"/></draw:frame>'
        "<draw:frame><draw:image/><svg:title>A duck on the pond</svg:title></draw:frame></table:shapes>"
    )
    sheet = f'<table:table table:name="Pond">{drawn}{row("Notes")}</table:table>'
    found = opendocument(ods(sheet, parts={"Object 1/content.xml": chart}), Limits())
    assert lines(found) == [
        "Pond", "Notes", "", "Chart: Ducks", "| | wild |", "|---|---|", "| 2023 | 280 |", "[picture: A duck on the pond]",
    ]  # fmt: skip
    assert found.metadata["not_read"] == {"charts or embedded objects": 1, "pictures": 1}


def test_a_binary_workbook_is_read_and_a_damaged_one_is_rejected() -> None:
    data = xlsb(["boat", "fare", "sails"], ["Tern", 40.5, True], ["", -55, False], hidden=True)
    found = extract(data, media_type=XLSX, limits=asdict(Limits()))
    assert lines(found) == ["Prices", "boat\tfare\tsails", "Tern\t40.50 €\tTRUE", "Tern\t-55\tFALSE"]
    assert row_at(found, "Tern\t-55") == ("sheet Prices", 3) and found.metadata["hidden"] == {"sheets": 1, "columns": 1}
    assert [_compressed(each) for each in (0x3FF00000, 0x40590001, 4 << 2 | 3)] == [1.0, 1.0, 0.04]
    chance = random.Random(3)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(300):
        name = chance.choice(["xl/workbook.bin", "xl/worksheets/sheet1.bin"])
        at = chance.randrange(len(parts[name]))
        wild = (
            parts[name][:at] + chance.randbytes(chance.choice((0, 1, 5))) + parts[name][at + chance.choice((0, 1, 9)) :]
        )
        with contextlib.suppress(RejectedError), no_hang(5):
            extract(zipped({**parts, name: wild}), media_type=XLSX, limits=asdict(Limits()))


def test_struck_out_cells_and_words_are_left_out_and_counted() -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        for cells in (["boat", "fare"], ["Tern", 40], ["Auk", 55]):
            sheet.append(cells)
        sheet["B2"].font = Font(strike=True)
        sheet["A3"] = CellRichText(TextBlock(InlineFont(strike=True), "Gull "), TextBlock(InlineFont(b=True), "Auk"))

    found = read(xlsx(fill))
    assert lines(found) == ["Prices", "boat\tfare", "Tern", "Auk\t55"]
    assert found.metadata["not_read"] == {"struck-out text": 2}

    def fill_old(sheet: Any) -> None:
        sheet.write(0, 0, "boat")
        sheet.write(0, 1, "ferry", xlwt.easyxf("font: struck_out on"))

    found = read(xls(fill_old))
    assert (lines(found), found.metadata["not_read"]) == (["Prices", "boat"], {"struck-out text": 1})
    gone = '<style:style style:name="g"><style:text-properties style:text-line-through-style="solid"/></style:style>'
    cells = (
        '<table:table-cell table:style-name="g"><text:p>ferry</text:p></table:table-cell>'
        '<table:table-cell><text:p><text:span text:style-name="g">Gull</text:span> Auk</text:p></table:table-cell>'
    )
    sheet = f'<table:table table:name="Pond"><table:table-row>{cells}</table:table-row></table:table>'
    found = opendocument(ods(sheet, gone), Limits())
    assert (lines(found), found.metadata["not_read"]) == (["Pond", "Auk"], {"struck-out text": 2})


def test_superscripts_and_subscripts_of_cells_are_marked() -> None:
    def fill(book: Any) -> None:
        high, low = (
            TextBlock(InlineFont(vertAlign=f"{way}script"), text) for way, text in (("super", "6"), ("sub", "ij"))
        )
        book.active.append(["litres", "sum"])
        book.active.append([CellRichText("10", high, " litres"), CellRichText("a", low)])

    def fill_old(sheet: Any) -> None:
        sheet.write(0, 0, "litres")
        gone, high = xlwt.easyfont("struck_out on"), xlwt.easyfont("escapement superscript")
        sheet.write_rich_text(1, 0, ["10", ("6", high), " litres ", ("or so", gone)])

    styles = "".join(
        f'<style:style style:name="{name}"><style:text-properties style:text-position="{place} 58%"/></style:style>'
        for name, place in (("up", "super"), ("down", "-33%"))
    )
    row = "".join(
        f'<table:table-cell><text:p>{before}<text:span text:style-name="{style}">{own}</text:span></text:p></table:table-cell>'
        for before, style, own in (("10", "up", "6"), ("a", "down", "ij"))
    )
    sheet = f'<table:table table:name="Pond"><table:table-row>{row}</table:table-row></table:table>'
    assert lines(read(xlsx(fill)))[2:] == ["10^6 litres\ta_ij"]
    old = read(xls(fill_old))
    assert (lines(old)[2:], old.metadata["not_read"]) == (["10^6 litres"], {"struck-out text": 1})
    assert lines(opendocument(ods(sheet, styles), Limits()))[1:] == ["10^6\ta_ij"]


def test_an_ods_has_repeated_and_merged_cells_hidden_sheets_and_comments() -> None:
    def cell(text: str, more: str = "", inside: str = "") -> str:
        return f"<table:table-cell{more}>{inside}<text:p>{text}</text:p></table:table-cell>"

    covered = "<table:covered-table-cell/>"
    note = "<office:annotation><dc:creator>Jane</dc:creator><text:p>Check</text:p></office:annotation>"
    gap = '<table:table-row table:number-rows-repeated="40"><table:table-cell/></table:table-row>'
    body = [
        cell("type") + cell("price", ' table:number-columns-repeated="2"'),
        cell("A", inside=note) + cell("closed", ' table:number-columns-spanned="2"') + covered,
    ]
    rows = "".join(f"<table:table-row>{row}</table:table-row>" for row in body) + gap
    last = f"<table:table-row>{cell('late')}{cell('5')}</table:table-row>"
    style = '<style:style style:name="ta2" style:family="table"><style:table-properties table:display="false"/></style:style>'
    sheets = (
        f'<table:table table:name="Prices">{rows}{last}</table:table>'
        f'<table:table table:name="Costs" table:style-name="ta2"><table:table-row>{cell("wood")}</table:table-row></table:table>'
    )
    found = opendocument(ods(sheets, style), Limits())
    assert lines(found) == [
        "Prices", "type\tprice\tprice", "A\tclosed\tclosed", "", "late\t5", "", "Comment on A2 (A) by Jane: Check", "", "Costs", "wood",
    ]  # fmt: skip
    assert row_at(found, "late") == ("sheet Prices", 43)
    assert found.metadata["hidden"] == {"sheets": 1}


def test_an_xls_has_its_merged_and_hidden_cells() -> None:
    def fill(sheet: Any) -> None:
        for column, name in enumerate(("type", "summer", "winter")):
            sheet.write(0, column, name)
        sheet.write(1, 0, "A")
        sheet.write_merge(1, 1, 1, 2, "closed")
        sheet.row(1).hidden = True

    found = read(xls(fill))
    assert lines(found) == ["Prices", "type\tsummer\twinter", "A\tclosed\tclosed"]
    assert found.metadata["hidden"] == {"rows": 1}


# --- files that are refused ------------------------------------------------------------------------------------------


def encrypted() -> bytes:
    """Return the beginning of a workbook with a password: an OLE container with a stream of this name."""
    return bytes.fromhex("d0cf11e0a1b11ae1") + bytes(1000) + "EncryptedPackage".encode("utf-16-le") + bytes(1000)


@pytest.mark.parametrize(
    ("media_type", "data", "message"),
    [
        (XLSX, encrypted(), "encrypted, and damaged"),
        (XLSX, b"PK\x03\x04 nothing", "not an XLSX file, or a damaged one"),
        (XLSX, zipped({"[Content_Types].xml": "<Types/>"}), "damaged: the archive has no workbook part"),
        (XLSX, rows_xlsx([]), "no text: all sheets are empty"),
        (XLS, b"<html><table><tr><td>5", "not a spreadsheet file but a page of HTML"),
        (XLS, b"plain text", "not an XLS file"),
        (ODS, zipped({"content.xml": "<a/>"}), "not an ODS file"),
        (
            ODS,
            zipped({"content.xml": "<a/>", "META-INF/manifest.xml": "<m><encryption-data/></m>"}),
            "encrypted: load.passwords opens no OpenDocument",
        ),
        (
            ODS,
            zipped({"content.xml": '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'}),
            "XML entity declarations are not allowed",
        ),
    ],
)
def test_what_cannot_be_read_is_rejected_with_the_reason(media_type: str, data: bytes, message: str) -> None:
    with pytest.raises(RejectedError, match=message[:60].replace("(", r"\(")):
        extract(data, media_type=media_type, limits={})


def test_rows_that_are_repeated_without_end_are_rejected_at_once() -> None:
    row = '<table:table-row table:number-rows-repeated="1000000"><table:table-cell table:number-columns-repeated="16000"><text:p>five</text:p></table:table-cell></table:table-row>'
    with no_hang(20), pytest.raises(RejectedError, match="too long"):
        opendocument(ods(f'<table:table table:name="a">{row}</table:table>'), Limits(characters=10_000_000))


def test_a_cell_that_is_merged_over_the_whole_sheet_is_read_quickly() -> None:
    data = rows_xlsx(*([f"row {n}", n] for n in range(500)))
    merged = '<mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells><pageMargins'
    started = time.monotonic()
    found = read(with_parts(data, {SHEET: lambda xml: xml.replace("<pageMargins", merged, 1)}))
    assert "row 499" in found.text
    assert time.monotonic() - started < 10


@pytest.fixture(scope="module")
def many_rows() -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Stock")
    sheet.append(["item", "type", "price", "stock"])
    for n in range(5_000):
        sheet.append([f"item {n}", f"type {n % 40}", n / 7, n])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def test_thousands_of_rows_are_read_quickly_in_the_sandbox(tmp_path: Path, many_rows: bytes) -> None:
    (tmp_path / "stock.xlsx").write_bytes(many_rows)
    loader = FolderLoader([tmp_path])
    started = time.monotonic()
    try:
        [document] = [loader.read(file) for file in loader.scan().files]
    finally:
        loader.close()
    assert document.metadata["rows"] == 5_000
    assert time.monotonic() - started < 30


def small(kind: str) -> tuple[Callable[[bytes, Limits], Extracted], bytes]:
    if kind == "xls":
        return workbook, xls(lambda sheet: [sheet.write(n, 0, f"row {n}") for n in range(5)])
    if kind == "ods":
        row = "<table:table-row><table:table-cell><text:p>five</text:p></table:table-cell></table:table-row>"
        return opendocument, ods(f'<table:table table:name="a">{row * 5}</table:table>')
    return workbook, rows_xlsx(["item", "price"], ["oar", 5.5], ["sail", DAY])


@pytest.mark.parametrize("kind", ["xlsx", "xls", "ods"])
def test_damaged_files_are_read_or_rejected_and_nothing_else(kind: str) -> None:
    function, sound = small(kind)
    rng = random.Random(kind)
    rejected = 0
    for _ in range(300):
        data = bytearray(sound)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data))
            change = rng.randrange(3)
            data[at : at + (change == 0) * rng.randint(1, 50)] = rng.randbytes(change) if change else b""
            if change == 1:
                data[at] = rng.randrange(256)
        try:
            with no_hang(20):
                function(bytes(data), Limits())
        except RejectedError:
            rejected += 1
    assert rejected


@pytest.mark.parametrize("part", [SHEET, "xl/styles.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"])
def test_wild_values_in_the_xml_are_read_or_rejected_and_nothing_else(part: str) -> None:
    sound = rows_xlsx(["item", "price"], ["oar", 5.5], ["sail", DAY])
    rng = random.Random(part)
    wild = (
        "",
        "-1",
        "99999999999999999999",
        "٣",
        "1e999",
        "nan",
        "x" * 300,
        "²",
        "A1",
        "XFD1048577",
        "[",
        "[<",
        "0/0",
        "?/?",
    )

    def change(xml: str) -> str:
        values = [place for place, mark in enumerate(xml) if mark == '"']
        at = rng.randrange(0, len(values) - 1)
        return xml[: values[at] + 1] + rng.choice(wild) + xml[values[at + 1] :]

    for _ in range(100):
        try:
            read(with_parts(sound, {part: change}))
        except RejectedError:
            continue


def test_pieces_of_a_sheet_have_its_name_and_the_names_of_its_columns() -> None:
    prices = [
        ["Boats"],
        [],
        ["type", "day"],
        *([f"type {n}", n] for n in range(300)),
        [],
        ["Moorings"],
        [],
        ["berth", "length"],
        ["7", 12],
    ]

    def fill(book: Any) -> None:
        for row in prices:
            book.active.append(row)
        book.create_sheet("Winter").append(["note"])

    found = read(xlsx(fill))
    document = Document("d", "a.xlsx", "a.xlsx", "0", XLSX, None, found.text, "", "x", (), found.metadata)
    chunks = RecursiveSplitter(RecursiveSplit(kind="recursive", chunk_size=100, overlap=0), WordEmbedder()).split(
        document
    )
    assert "".join("".join(chunk.text.split()) for chunk in chunks) == "".join(found.text.split())
    assert {chunk.context for chunk in chunks if "type 2" in chunk.text} == {"Prices > Boats > type\tday"}
    assert [chunk.context for chunk in chunks if "7\t12" in chunk.text.splitlines()] == [
        "Prices > Moorings > berth\tlength"
    ]
    assert chunks[-1].context == "Winter"
