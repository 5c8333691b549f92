"""HTML: what a browser shows of a page is read, in its place and with its meaning; what is left out is counted."""

from __future__ import annotations

import time

import lxml.html
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragqa.errors import RejectedError
from ragqa.load.html import extract
from ragqa.load.html.mathml import linear
from ragqa.markdown import tables
from ragqa.records import Extracted

PROSE = "The library lends books, maps and instruments to everyone who lives in the valley, all through the year. "


def read(body: str, head: str = "") -> Extracted:
    return extract(f"<html><head>{head}</head><body>{body}</body></html>".encode())


def text(body: str) -> str:
    return (
        read(f"<main><h1>Notes</h1><p>{PROSE * 3}</p>{body}</main>")
        .text.removeprefix(f"Notes\n\n{(PROSE * 3).strip()}")
        .strip()
    )


SHEET = "<style>p{margin:0} .c1{color:red} span.up, .c2 { font-size: 8px; vertical-align: super } .gone{text-decoration:line-through}</style>"


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("<p>10<span style='vertical-align: super; color: red'>6</span> l</p>", "10^6 l"),
        ("<p>CO<font style='vertical-align:sub'>2</font></p>", "CO2"),
        (f"{SHEET}<p>10<span class='c1 up'>6</span> l and 5<b class=c2>3</b></p>", "10^6 l and 5^3"),
        ("<p>Fee <span style='text-decoration:line-through'>40</span> 55</p>", "Fee 55"),
        ("<p>Fee <b style='text-decoration-line: underline line-through'>40</b> 55</p>", "Fee 55"),
        (f"{SHEET}<ul><li class=gone>Old</li><li>New</li></ul>", "- New"),
        (f"{SHEET}<h2 class='gone'>Dogs</h2>", ""),
        ("<table><tr><th>A<th>B<tr><td>1<td style='text-decoration: line-through'>2</table>",
         "| A | B |\n|---|---|\n| 1 |  |"),
        ("<p style='text-decoration: none; vertical-align: top'>As it is</p>", "As it is"),
    ],
)  # fmt: skip
def test_css_that_strikes_out_raises_or_lowers_counts_as_the_element_for_it(body: str, shown: str) -> None:
    assert text(body) == shown


def test_a_picture_of_a_formula_is_its_tex_where_no_formula_is_beside_it() -> None:
    assert text("<p>So <img class='latex' alt='{\\displaystyle E=mc^2}' src=x>.</p>") == "So E=mc^2."
    assert (
        text("<p>So <img alt='\\frac{a}{b}' src=x> of <img alt='A dog' src=y>it.</p>")
        == "So \\frac{a}{b} of [picture: A dog] it."
    )


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("<p><label><input type=radio>Yes</label><label><input type=radio checked>No</label></p>", "[ ] Yes [x] No"),
        ("<aside class='note'><p>Keep dogs outside.</p></aside>", "Keep dogs outside."),
        ("<section class='sidebar'><p>Room 12 is upstairs.</p></section>", "Room 12 is upstairs."),
        ("<footer>Written by the keeper.</footer>", "Written by the keeper."),
        ("<header><p>Read this first.</p></header>", "Read this first."),
        ("<figure><img src=x alt='A map of the valley'></figure>", "[picture: A map of the valley]"),
        ("<figure><img src=x alt='The old road'><figcaption>The old road.</figcaption></figure>", "The old road."),
        ("<figure><img src=x alt='Map'><figcaption>The old road.</figcaption></figure>", "[picture: Map]\nThe old road."),
        ("<p>Open <img src=x alt='a door with a bell'> daily</p>", "Open [picture: a door with a bell] daily"),
        ("<p>A <img src=x alt='IMG 12.JPG'><img src=y alt='Picture 3'><img src=z alt=' '> B</p>", "A B"),
        ("<p><img src=x alt='star' width=16>Closed</p>", "Closed"),
        ("<table><tr><th>Dog<th>Cat<tr><td><img src=x alt='yes' width='16px'><td>no</table>",
         "| Dog | Cat |\n|---|---|\n| yes | no |"),
        ("<dl><dt>Fee</dt><dd>Nothing</dd></dl>", "Fee\nNothing"),
        ("<details><summary>Rules</summary><p>No noise.</p></details>", "Rules\n\nNo noise."),
        ("<p><ruby>漢<rt>kan</rt></ruby></p>", "漢(kan)"),
        ("<p><ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby></p>", "漢(kan)"),
        ("<ul><li><a href=/a>Loans</a></li><li><a href=/b>Maps</a></li></ul>", "- Loans\n- Maps"),
        ("<ol start=3><li>Knock<li value=7>Enter</ol>", "3. Knock\n7. Enter"),
        ("<ol style='list-style-type: upper-roman' start=49><li>Knock<li>Enter</ol>", "XLIX. Knock\nL. Enter"),
        ("<ol type=a><li>Knock<ul><li>softly</ul><li>Enter</ol>", "a. Knock\n  - softly\nb. Enter"),
        ("<ul><li><input type=checkbox checked> Paid<li><input type=checkbox> Signed</ul>", "- [x] Paid\n- [ ] Signed"),
        ("<p><label>Name <input value=Ada></label> <select><option>A<option selected>B</select></p>", "Name Ada B"),
        ("<div><span>Keeper</span><br><span>Ola Berg</span></div><div>Room</div><div>12</div>", "Keeper\nOla Berg\nRoom\n12"),
        ("<pre>if a:\n    b()</pre>", "if a:\n    b()"),
        ("<p>soft\u00adly, a&nbsp;book<wbr>case</p>", "softly, a bookcase"),
        ("<p>She said <q>yes</q>.</p>", "She said “yes”."),
        ("<svg><title>t</title><text>Sales</text><text>2024</text></svg>", "Sales\n2024"),
        ("<div hidden='until-found'>Found by search.</div>", "Found by search."),
    ],
)  # fmt: skip
def test_inside_the_main_content_nothing_that_a_browser_shows_is_lost(body: str, shown: str) -> None:
    assert text(body) == shown


@pytest.mark.parametrize(
    "body",
    ["<div hidden>secret</div>", "<p style='color:red; display : none'>secret</p>", "<script>secret</script>",
     "<template>secret</template>", "<noscript>secret</noscript>", "<dialog>secret</dialog>",
     "<input type=hidden value=secret>", "<input type=password value=secret>"],
)  # fmt: skip
def test_what_a_browser_does_not_show_is_not_read(body: str) -> None:
    assert "secret" not in text(f"{body}<p>open</p>")


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("10<sup>6</sup> litres", "10^6 litres"),
        ("<b>10</b><sup>-6</sup> m", "10^-6 m"),
        ("10 <sup>6</sup> litres", "10 ^6 litres"),
        ("e<sup>x + 1</sup>", "e^(x + 1)"),
        ("H<sub>2</sub>O and 10<sub>2</sub> and x<sub>max</sub>", "H2O and 10_2 and x_max"),
        ("SO<sub>4</sub><sup>2−</sup>", "SO4^2−"),
        ("the 1<sup>st</sup> of May", "the 1st of May"),
        ("2<sup>1</sup>/<sub>2</sub> hours", "2 1/2 hours"),
        ("a fee<sup>1</sup> of 5", "a fee^1 of 5"),
        ("a fee<sup><a href=#n>1</a></sup> of 5<sup>[2]</sup>", "a fee[1] of 5[2]"),
        ("<sup>1</sup>Not in May", "1 Not in May"),
        ("Lectern<sup>TM</sup>", "Lectern™"),
        ("<del>4</del> <ins>5</ins> crowns, <s>9 <b>days</b></s> <strike>a</strike>", "5 crowns,"),
        ("<s><del>old</del></s> new", "new"),
    ],
)  # fmt: skip
def test_raised_lowered_and_struck_out_text_keeps_its_meaning(body: str, shown: str) -> None:
    assert text(f"<p>{body}</p>") == shown


@pytest.mark.parametrize(
    "mark",
    [
        "<a role='doc-noteref' href='#n'>1</a>",
        "<a epub:type='noteref' href='#n'>1</a>",
        "<a href='#n'><sup>1</sup></a>",
        "<sup><a role='doc-noteref' href='#n'>1</a></sup>",
    ],
)
def test_the_mark_of_a_note_is_no_part_of_the_number_before_it(mark: str) -> None:
    assert text(f"<p>The limit is 50{mark} knots.</p>") == "The limit is 50[1] knots."


def test_pages_in_frames_are_counted() -> None:
    found = read("<p>The quay is closed.</p><iframe src='map.html'></iframe><iframe src='x' hidden></iframe>")
    assert found.metadata["not_read"] == {"pages in frames": 1}


def test_what_is_struck_out_and_pictures_are_counted() -> None:
    body = "<del><p>One.</p><p>Two.<s>!</s></p></del><p><s> </s><s>40</s> 55 <img src=x alt=Harbour><img src=y width=1></p>"
    found = read(f"<main><p>{PROSE}</p>{body}<p hidden><s>no</s></p></main>")
    assert found.text.endswith("\n\n55 [picture: Harbour]")
    assert found.metadata["not_read"] == {"pictures": 1, "struck-out text": 2}


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        ("<mi>A</mi><mo>=</mo><mi>π</mi><msup><mi>r</mi><mn>2</mn></msup>", "A = πr^2"),
        ("<mi>x</mi><mo>=</mo><mfrac><mrow><mo>-</mo><mi>b</mi><mo>±</mo><msqrt><msup><mi>b</mi><mn>2</mn></msup>"
         "<mo>-</mo><mn>4</mn><mi>a</mi><mi>c</mi></msqrt></mrow><mrow><mn>2</mn><mi>a</mi></mrow></mfrac>",
         "x = (-b ± sqrt(b^2 - 4ac))/(2a)"),
        ("<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover><msub><mi>x</mi><mi>i</mi></msub>",
         "∑_(i = 1)^n x_i"),
        ("<msup><mi>e</mi><mrow><mi>i</mi><mi>π</mi></mrow></msup><msup><mn>10</mn><mrow><mo>-</mo><mn>6</mn></mrow></msup>", "e^(iπ)10^-6"),
        ("<mn>2</mn><mfrac><mn>1</mn><mn>2</mn></mfrac>", "2 1/2"),
        ("<mroot><mi>x</mi><mn>3</mn></mroot>", "x^(1/3)"),
        ("<mi>sin</mi><mo>&#x2061;</mo><mi>x</mi>", "sin x"),
        ("<mover><mi>v</mi><mo>→</mo></mover>", "vec(v)"),
        ("<semantics><mrow><mi>a</mi></mrow><annotation encoding='application/x-tex'>a</annotation></semantics>", "a"),
        ("<semantics><mrow></mrow><annotation encoding='application/x-tex'>{\\displaystyle a^{2}}</annotation></semantics>",
         "a^{2}"),
    ],
)  # fmt: skip
def test_a_formula_is_linear_text(formula: str, shown: str) -> None:
    assert text(f"<p>So <math>{formula}</math> holds.</p>") == f"So {shown} holds."


def test_a_formula_with_a_picture_or_a_second_form_is_read_once() -> None:
    hidden = "<span style='display: none;'><math><mi>E</mi></math></span><img src=x alt='{\\displaystyle E}'>"
    second = "<span><span><math><mi>E</mi></math></span><span aria-hidden=true>E</span></span>"
    assert text(f"<p>{hidden}</p>") == text(f"<p>{second}</p>") == "E"
    assert text("<p>So <script type='math/tex'>a^2</script>.</p>") == "So a^2."


def test_a_formula_of_any_depth_is_read() -> None:
    root = lxml.html.fragment_fromstring("<math>" + "<mrow>" * 200 + "<mi>x</mi>" + "</mrow>" * 200 + "</math>")
    assert linear(root) == "x"


@pytest.mark.parametrize(
    "page",
    ["<div id=root></div><noscript>Please enable JavaScript.</noscript><script src=a.js></script>",
     "<div id=app>Loading...</div><script>x()</script>",
     "<p>You need to enable JavaScript to run this app.</p><script>x()</script>"],
)  # fmt: skip
def test_a_page_that_needs_javascript_is_rejected_by_name(page: str) -> None:
    with pytest.raises(RejectedError, match="needs JavaScript"):
        read(page)


def test_a_page_about_javascript_is_read() -> None:
    assert "JavaScript" in read(f"<p>{PROSE * 3} JavaScript is a language.</p><script>x()</script>").text
    assert read("<div id=root><p>Open from nine to five, all days.</p></div><script>x()</script>").text


def test_menus_headers_and_footers_are_left_out_and_counted() -> None:
    menu = "".join(f"<a href=/{n}>Part {n}</a> " for n in range(8))
    found = read(
        f"<header>Valley site</header><nav>{menu}</nav><div class=top>{menu}</div><div class='cookie-bar'>We use cookies.</div>"
        f"<main><p>{PROSE * 8}</p></main><aside><p>The keeper lives next to the mill and has the key.</p></aside>"
        "<footer>All rights reserved</footer>"
    )
    assert found.text == f"{(PROSE * 8).strip()}\n\nThe keeper lives next to the mill and has the key."
    assert found.metadata["left_out_words"] == 2 + 16 + 16 + 3 + 3


def test_a_page_of_links_is_read() -> None:
    links = "".join(f"<li><a href=/{n}>Chapter {n} of the book</a>" for n in range(20))
    assert read(f"<h1>Contents</h1><ul>{links}</ul>").text.count("Chapter") == 20
    found = read(f"<nav><ul>{links}</ul></nav>")
    assert (found.text.count("Chapter"), found.metadata["extraction"]) == (20, "all_text")


def test_a_short_main_text_is_read_alone() -> None:
    found = read("<nav>Home and all of the other pages</nav><main><p>Closed.</p></main>")
    assert (found.text, found.metadata) == ("Closed.", {"left_out_words": 7})


def test_a_page_header_with_the_title_or_with_prose_is_content() -> None:
    found = read(f"<header><h1>The mill</h1></header><p>{PROSE * 8}</p><header><p>{PROSE}</p></header>")
    assert found.text.startswith("The mill\n\n") and found.text.count(PROSE.strip()[:30]) == 9


def test_headings_are_listed_with_their_offsets() -> None:
    found = read(f"<h1>The mill</h1><p>{PROSE}</p><h2>Its <i>wheel</i></h2><p>{PROSE}</p>")
    starts = [(found.text[offset:].split("\n")[0], level) for offset, level in found.metadata["headings"]]
    assert starts == [("The mill", 1), ("Its wheel", 2)]


# --- Tables ----------------------------------------------------------------------------------------------------------


def test_a_cell_that_spans_rows_or_columns_stands_in_each_of_them() -> None:
    shown = text(
        "<table><tr><th rowspan=2>Room<th colspan=2>Fee</tr><tr><th>day<th>week</tr>"
        "<tr><td rowspan=2>Loft<td>4<td>20</tr><tr><td colspan=2>free</tr><tr><td>Hall<td>5<td>30</table>"
    )
    assert shown.splitlines() == [
        "| Room | Fee day | Fee week |", "|---|---|---|",
        "| Loft | 4 | 20 |", "| Loft | free | free |", "| Hall | 5 | 30 |",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("<thead><tr><td>Room<td>Fee<tbody><tr><td>Loft<td>4", ("Room", "Fee")),
        ("<tr><th>Room<th>Fee<tr><th>Loft<td>4", ("Room", "Fee")),
        ("<tr><td><b>Room</b><td>Fee<tr><td>Loft<td>4", ("Room", "Fee")),
        ("<caption>All rooms</caption><tr><th colspan=2>Rooms of 2024<tr><th>Room<th>Fee<tr><td>Loft<td>4", ("Room", "Fee")),
        ("<tr><td>Room<td>Fee | day<tr><td>Loft<td>4", ("Room", "Fee | day")),
        ("<tr><th>Kingdom<td>Animals<tr><th>Class<td>Birds", ()),
        ("<tr><td>Loft<td>4<tr><td>Hall<td>5", ()),
    ],
)  # fmt: skip
def test_a_table_has_the_names_of_its_columns_where_it_has_a_header(table: str, names: tuple[str, ...]) -> None:
    assert next((each.names for each in tables(text(f"<table>{table}</table>"))), ()) == names


def test_cells_that_arrange_a_page_are_blocks_and_a_table_in_them_stays_one() -> None:
    inner = "<table><tr><th>Room<th>Fee<tr><td>Loft<td>4</table>"
    shown = text(f"<table><tr><td>Menu<td><h2>Rooms</h2>{inner}</table>")
    assert shown == "Menu\n\nRooms\n\n| Room | Fee |\n|---|---|\n| Loft | 4 |"


@pytest.mark.parametrize(
    ("table", "is_table"),
    [
        ("<tr><td><h2>Room</h2><p>of the inn</p><td>Fee<tr><td>Loft<td>4", True),
        ("<tr><td><h3>Loft</h3><td>4<tr><td><h3>Hall</h3><td>5", True),
        ("<tr><td>Menu<td><h2>Rooms</h2><p>The loft is free.</p>", False),
        ("<tr><td>Menu<td><h2>Rooms</h2><tr><td>Help<td><h2>Fees</h2>", False),
        ("<tr><td><h2>Rooms</h2><tr><td>Loft<td>4", False),
    ],
)
def test_headings_in_cells_are_names_in_the_first_row_or_first_cells_of_an_even_table(
    table: str, is_table: bool
) -> None:
    assert text(f"<table>{table}</table>").startswith("|") == is_table


def test_a_list_and_a_table_in_a_cell_are_text_of_the_cell() -> None:
    shown = text("<table><tr><th>A<th>B<tr><td><ul><li>x<li>y</ul><td><table><tr><td>1<td>2</table></table>")
    assert shown.splitlines()[-1] == "| - x - y | 1 2 |"


def test_spans_of_any_size_do_not_make_a_page_large() -> None:
    row = "<tr><td rowspan=65534 colspan=1000>" + "x" * 20 + "<td>1"
    started = time.monotonic()
    found = read(f"<p>{PROSE}</p><table>{row * 2000}</table>")
    assert len(found.text) < 20_000_000 and time.monotonic() - started < 30


# --- Metadata --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("author", "kept"),
    [("Ada Vale", "Ada Vale"), ("Authority control databases National Japan", None), ("x" * 61, None),
     ("Ada Vale; Log in to share; Ola Berg", "Ada Vale; Ola Berg")],
)  # fmt: skip
def test_an_author_is_a_name(author: str, kept: str | None) -> None:
    from ragqa.load.html.extraction import _metadata

    found = type("Found", (), {"author": author})()
    assert _metadata(found).get("author") == kept


def test_the_title_of_a_small_page_is_read() -> None:
    assert read("<p>Closed.</p>", head="<title>The\n mill</title>").title == "The mill"


TAGS = "p div span b sup sub del s table tr td th ul ol li dl dt dd pre h2 a nav aside details ruby rt math mi msup q".split()  # noqa: SIM905
BITS = st.one_of(
    st.sampled_from(TAGS).map(lambda tag: f"<{tag}>"),
    st.sampled_from(TAGS).map(lambda tag: f"</{tag}>"),
    st.sampled_from(
        ["<br>", "<td colspan=3>", "<td rowspan=0>", "<li value=x>", "<ol start=-5 reversed>", "<div hidden>"]
    ),
    st.text("ab 1\n&<|", max_size=4),
)


@settings(max_examples=200, deadline=None)
@given(bits=st.lists(BITS, max_size=40))
def test_any_markup_is_read_and_a_word_in_plain_view_is_kept(bits: list[str]) -> None:
    found = read(f"<p>lighthouse {''.join(bits)}")
    assert "lighthouse" in found.text
    assert all(found.text[offset : offset + 1].strip() for offset, _ in found.metadata.get("headings", ()))


def test_code_is_between_fences_and_other_preformatted_text_is_not() -> None:
    code = "let x = 5;\n\nx = 6;"
    for markup in (f"<pre><code>{code}</code></pre>", f"<div class='highlight'><pre>{code}</pre></div>"):
        assert text(markup) == f"```\n{code}\n```"
    assert text(f"<pre>{code}</pre>") == code
    assert text("<pre><code>```\nx\n```</code></pre>") == "````\n```\nx\n```\n````"


def test_the_title_is_that_of_the_page_where_a_bar_shows_the_name_of_the_book() -> None:
    book = f"<div class='menu-bar'><h1 class='menu-title'>The Mill</h1></div><main><h2>Stones</h2><p>{PROSE * 9}</p></main>"
    found = read(book, "<title>Stones - The Mill</title>")
    assert (found.title, found.text) == ("Stones - The Mill", f"Stones\n\n{(PROSE * 9).strip()}")


def test_help_that_opens_over_a_page_is_left_out_and_counted() -> None:
    found = read(f"<div id='help-popup'><h2>Keys</h2><p>Press S to search</p></div><main><p>{PROSE * 9}</p></main>")
    assert (found.text, found.metadata["left_out_words"]) == ((PROSE * 9).strip(), 5)


def test_a_heading_that_is_left_out_is_no_title() -> None:
    page = (
        f"<div id='help-popup'><h2>Keyboard shortcuts</h2></div><main><h1>cargo-yank(1)</h1><p>{PROSE * 9}</p></main>"
    )
    assert read(page, "<title>cargo yank - The Cargo Book</title>").title in (
        "cargo yank - The Cargo Book",
        "cargo-yank(1)",
    )


@pytest.mark.parametrize("tag", ["section id='menu'", "div class='menu'"])
def test_the_menu_of_a_restaurant_is_content(tag: str) -> None:
    table = "<table><tr><th>Dish<th>Price</tr><tr><td>Pizza<td>8 euros</tr></table>"
    found = read(f"<h1>The Mill</h1><p>{PROSE * 9}</p><{tag}><h2>Dishes</h2>{table}</{tag.split()[0]}>")
    assert "| Pizza | 8 euros |" in found.text
