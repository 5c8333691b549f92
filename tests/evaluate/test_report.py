"""What readers see of an evaluation run: the terminal's table, Markdown, and the page."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from ragqa import wire
from ragqa.evaluate.reports import charts
from ragqa.evaluate.reports.html import html
from ragqa.evaluate.reports.summary import EvaluationReport, LostPoints, Metric
from ragqa.evaluate.reports.text import markdown, table
from ragqa.evaluate.runs.result import Location, Result

EVIL = "<script>alert(1)</script> & \"quoted\" 'text'"
EMPTY = EvaluationReport({}, {}, (), {}, {}, ())


def result(id_: str, f1: float, **more: Any) -> Result:
    values: dict[str, Any] = {"scores": {"f1": f1, "exact_match": float(f1 == 1)}, "prediction": f"said {id_}", **more}
    return Result(id_, id_, f"question {id_}?", (f"gold {id_}",), True, **values)


def lost(id_: str, points: float, cause: str = "misread") -> Result:
    return result(id_, 1 - points, lost_points={cause: points}, gold_prediction=f"alone {id_}", prompt=f"prompt {id_}")


def full() -> EvaluationReport:
    results = (
        result("right", 1.0, confidence=0.9),
        lost("a", 0.2),
        replace(lost("b", 1.0), types=("why & how",)),
        lost("c", 0.4),
        lost("d", 0.6),
        replace(lost("e", 0.5, "not_retrieved"), hits=(Location("letters/one.md", 10, 90, None, 0.5),)),
        Result("broken", "broken", "question broken?", ("gold",), True, error="TimeoutError: no answer in 5 s"),
    )
    metrics = {
        "f1": Metric(0.55, 0.25, 0.75, 7, 1),
        "recall@1": Metric(0.5, 0.4, 0.6, 7, 1),
        "recall@10": Metric(0.75, 0.7, 0.8, 7, 1),
        "perplexity_gold": Metric(41.5, 30.25, 55.125, 7, 1),
    }
    losses = {"misread": LostPoints(2.2 / 6, 4), "not_retrieved": LostPoints(0.5 / 6, 1)}
    latency = {"retrieve": {"p50": 12.0, "p95": 20.0, "p99": 31.0}, "generate": {"p50": 900.0, "p95": 1e3, "p99": 2e4}}
    risk = ((0.5, 0.1), (1.0, 0.45))
    tokens, notes = {"prompt": 812.4, "answer": 9.0}, ("one note",)
    why = {"f1": Metric(0.25, 0.125, 0.5, 4, 0), "seconds": Metric(1.5, 1.25, 2.0, 4, 0)}
    groups = {"type": {"all": {"f1": metrics["f1"]}, "why & how": why}}
    return EvaluationReport(metrics, losses, risk, latency, tokens, results, notes, groups)


class Page(HTMLParser):
    """Reads a page: checks that tags are balanced, and keeps text, the elements and their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def text(self, tag: str = "") -> str:
        return "\n".join(data for inside, data in self.texts if tag in ("", inside))

    def all(self, tag: str, class_: str = "") -> list[dict[str, str | None]]:
        return [found for name, found in self.elements if name == tag and class_ in (found.get("class") or "")]


def test_the_table_shows_the_mean_its_interval_n_and_failed_as_columns() -> None:
    lines = table(full()).splitlines()
    assert lines[0] == "7 questions, 7 of them answerable; 1 failed."
    header = next(line for line in lines if line.startswith("metric"))
    assert re.split(r"\s{2,}", header) == ["metric", "value", "95% interval", "n", "failed"]
    row = next(line for line in lines if line.startswith("f1"))
    assert re.split(r"\s{2,}", row) == ["f1", "0.550", "0.250 to 0.750", "7", "1"]
    assert len(row) == len(header)


def test_the_table_shows_losses_in_the_order_of_the_stages_latency_and_tokens() -> None:
    rows = [re.split(r"\s{2,}", line) for line in table(full()).splitlines()]
    assert rows.index(["not_retrieved", "0.083", "1"]) < rows.index(["misread", "0.367", "4"])
    assert ["generate", "900.0", "1000.0", "20000.0"] in rows
    assert ["Mean tokens of a question: 812 prompt, 9 answer."] in rows


def test_groups_of_questions_are_a_table_of_means_and_of_intervals_where_there_is_room() -> None:
    rows = [re.split(r"\s{2,}", line.strip()) for line in table(full()).splitlines()]
    assert rows[rows.index(["type", "n", "f1", "seconds"]) + 2] == ["why & how", "1", "0.250", "1.500"]
    assert "| why \\& how | 1 | 0.250 (0.125 to 0.500) | 1.500 (1.250 to 2.000) |" in markdown(full(), "t", {})
    assert "0.250 (0.125 to 0.500)" in Page(html(full(), "t", {})).text("td")
    assert wire.evaluation_report(full())["groups"]["type"]["why & how"]["f1"]["low"] == 0.125


def test_the_table_of_an_empty_report_is_its_first_line() -> None:
    assert table(EMPTY) == "0 questions, 0 of them answerable; 0 failed."


def test_a_metric_without_figures_is_shown_as_dashes() -> None:
    report = replace(full(), metrics={"f1": Metric(None, None, None, 3, 3)})
    assert re.search(r"^f1 +- +- +3 +3$", table(report), re.M)
    page = Page(html(replace(report, lost_points={}), "t", {}))
    assert page.all("rect") == []


def test_markdown_shows_the_three_worst_examples_of_each_cause_the_worst_first() -> None:
    text = markdown(full(), "title", {})
    shown = re.findall(r"question (\w+)\?", text[text.index("### misread") :])
    assert shown[:3] == ["b", "d", "c"]
    assert "question a?" not in text
    for line in ("gold: gold b", "answer: said b", "from the gold passage: alone b", "points lost: 1.000"):
        assert line in text
    assert f"prompt SHA-256: {lost('b', 1.0).prompt_sha256}" in text
    assert text.index("### not_retrieved") < text.index("### misread")


def test_markdown_shows_what_was_recorded_however_deep() -> None:
    text = markdown(full(), "title", {"versions": {"python": "3.11", "flags": [1, True]}, "seed": 7})
    assert "- versions:\n    - python: 3.11\n" in text
    assert "- seed: 7" in text


def test_markdown_in_a_question_is_text() -> None:
    evil = replace(lost("b", 1.0), question="# a | b\n<img src=x> **bold** snake_case")
    text = markdown(replace(full(), results=(evil,)), "title", {})
    assert r"\# a \| b \<img src=x\> \*\*bold\*\* snake_case" in text


@pytest.mark.parametrize("where", ["id", "question", "prediction", "gold_prediction", "prompt", "answers", "reason"])
def test_html_in_data_stays_text(where: str) -> None:
    changed: dict[str, Any] = {"abstained": where == "reason", where: (EVIL,) if where == "answers" else EVIL}
    evil = replace(lost("b", 1.0), **changed)
    page = Page(html(replace(full(), results=(evil,)), "t", {}))
    assert page.all("script") == []
    assert EVIL in page.text()


def test_html_in_the_title_notes_errors_sources_stages_and_what_was_recorded_stays_text() -> None:
    failed = replace(full().results[-1], error=f"error {EVIL}")
    example = replace(full().results[1], hits=(Location(f"source {EVIL}", 0, 9, None, 1.0),))
    report = replace(
        full(),
        results=(failed, example),
        notes=(f"note {EVIL}",),
        latency={"<b>": {"p50": 0.0, "p95": 1.0, "p99": 2.0}},
    )
    page = Page(html(report, f"title {EVIL}", {f"key {EVIL}": {"inner": f"leaf {EVIL}"}}))
    assert page.all("script") == []
    for name in ("error", "source", "note", "title", "key", "leaf"):
        assert f"{name} {EVIL}" in page.text()
    assert "<b>" in page.text("text")


def test_the_page_names_nothing_outside_and_needs_no_script() -> None:
    text = html(full(), "title", {"homepage": "https://example.org"})
    page = Page(text)
    links = [value for _, found in page.elements for key, value in found.items() if key in ("src", "href", "srcset")]
    assert links == []
    assert not re.search(r"url\(|@import|<script|<link|\son\w+=", text)
    assert {"http-equiv": "Content-Security-Policy", "content": "default-src 'none'; style-src 'unsafe-inline'"} in (
        page.all("meta")
    )


def test_every_plot_has_a_name_and_its_data_in_a_table() -> None:
    page = Page(html(full(), "title", {}))
    plots = page.all("svg")
    assert len(plots) == 6  # answers, retrieval, recall, risk, losses, latency
    assert all(plot["aria-label"] and plot["role"] == "img" for plot in plots)
    assert len(page.all("figure")) == page.text("summary").count("Data") == len(plots)


def test_sections_without_data_are_one_line_that_says_so() -> None:
    page = Page(html(EMPTY, "title", {}))
    assert page.all("svg") == page.all("table") == []
    for word in (
        "Nothing was scored.",
        "Recall was not measured.",
        "No losses were charged to a cause.",
        "No answer came with a confidence.",
        "No times were taken.",
        "No question failed.",
    ):
        assert word in page.text("p")
        assert word not in html(full(), "title", {})


def test_a_bar_shows_its_interval_within_the_axis() -> None:
    wide = charts.bars("t", [charts.Bar("f1", 0.0, 0.5, "0.500", -0.5, 1.5)])
    exact = charts.bars("t", [charts.Bar("f1", 0.0, 0.5, "0.500", 0.0, 1.0)])
    none = charts.bars("t", [charts.Bar("f1", 0.0, 0.5, "0.500")])
    assert wide == exact
    assert len(Page(exact).all("path", "whisker")) == 1
    assert Page(none).all("path") == []


def test_bars_are_as_long_as_their_values() -> None:
    page = Page(charts.bars("t", [charts.Bar("a", 0.0, 0.25, ""), charts.Bar("b", 0.0, 0.5, "")]))
    quarter, half = (float(bar["width"] or 0) for bar in page.all("rect", "bar"))
    assert half == pytest.approx(2 * quarter, abs=0.2)


def test_metrics_outside_the_unit_interval_are_in_a_table_and_in_no_plot() -> None:
    page = Page(html(full(), "title", {}))
    assert "perplexity_gold" in page.text("td")
    assert "perplexity_gold" not in page.text("text")


def test_the_waterfall_ends_at_f1_and_its_steps_add_up() -> None:
    report = full()
    first, *steps, last = charts.waterfall({"not_retrieved": 0.5 / 6, "misread": 2.2 / 6}, "f1")
    assert (first.start, first.stop) == (0.0, 1.0)
    assert steps[0].stop == 1.0
    assert all(one.start == other.stop for one, other in zip(steps, [*steps[1:], last], strict=True))
    assert last.start == 0.0 and report.metrics["f1"].value == pytest.approx(last.stop)
    page = Page(html(report, "title", {}))
    assert len(page.all("rect", "lost")) == 2
    values = page.text("text").splitlines()
    assert values[values.index("perfect") :][:8] == [
        "perfect", "1.000", "not_retrieved", "−0.083", "misread", "−0.367", "f1", "0.550",
    ]  # fmt: skip


def test_recall_is_drawn_in_the_order_of_k_with_its_band() -> None:
    report = full()
    turned = replace(report, metrics=dict(reversed(list(report.metrics.items()))))
    for one in (report, turned):
        page = Page(html(one, "title", {}))
        assert len(page.all("polygon", "band")) == 1
        xs = [float(pair.split(",")[0]) for pair in (page.all("polyline")[0]["points"] or "").split()]
        assert len(xs) == 2 and xs == sorted(xs)


def test_a_single_depth_a_single_stage_and_times_of_zero_can_be_drawn() -> None:
    times = {"retrieve": {"p50": 0.0, "p95": 0.0, "p99": 0.0}}
    report = replace(full(), metrics={"recall@5": Metric(1.0, None, None, 1, 0)}, latency=times)
    assert "nan" not in html(report, "title", {})


def test_the_page_shows_the_exact_prompt_and_the_passages_of_an_example() -> None:
    prompt = "\n  first line\r\n\tsecond & <last>\n"
    example = replace(full().results[5], prompt=prompt)
    page = html(replace(full(), results=(example,)), "title", {})
    assert "letters/one.md:10-90" in page
    # The first line feed within <pre> is no part of it, and a bare carriage return is read as a line feed.
    assert "<pre>\n\n  first line&#13;\n\tsecond &amp; &lt;last&gt;\n</pre>" in page


def test_the_page_lists_all_failures_and_all_questions() -> None:
    page = Page(html(full(), "title", {}))
    cells = page.text("td").splitlines()
    assert "TimeoutError: no answer in 5 s" in cells
    assert {"right", "a", "b", "c", "d", "e", "broken"} <= set(cells)
    assert "7 questions" in page.text("summary")


def test_a_page_of_500_questions_stays_below_a_megabyte() -> None:
    many = tuple(replace(lost(str(n), 0.5), prompt="word " * 2000, prediction="word " * 400) for n in range(500))
    page = html(replace(full(), results=many), "title", {})
    assert len(page.encode()) < 1_000_000
    assert page.count("<pre>") == 3
