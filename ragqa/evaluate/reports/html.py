"""A report as one self-contained HTML page: no script, no network, light or dark as the reader's system is set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ragqa.evaluate.reports import charts, tables
from ragqa.evaluate.reports.charts import Bar
from ragqa.evaluate.reports.markup import Markup, fragment, tag
from ragqa.evaluate.reports.summary import EvaluationReport, Metric
from ragqa.evaluate.reports.tables import Table, number, spread
from ragqa.evaluate.runs.lost_points import CAUSES
from ragqa.evaluate.runs.result import Location, Result

HEADLINES = ("f1", "exact_match", "recall@5", "ndcg@10", "citation_recall", "abstention_recall")
"""The metrics at the top of the page, as far as they were measured."""

_GROUPS = {
    "Answers": (),
    "Citations": ("citation_",),
    "Abstention": ("abstention_",),
    "Retrieval": ("recall@", "precision@", "map", "mrr", "ndcg@", "has_answer@"),
}
"""The prefixes of the metrics of each group; all other metrics belong to answers."""

_LIKELIHOOD = ("nll", "perplexity")

_CELL = 300
"""The longest text in the table of all questions, in characters, so that a page of many questions is small."""

_HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
"""

_STYLE = """
:root{--back:#fff;--panel:#f6f8fa;--text:#24292f;--muted:#57606a;--grid:#8883;--c0:#0072b2;--c1:#c2410c;--c2:#00795a}
@media (prefers-color-scheme:dark){:root{--back:#0d1117;--panel:#161b22;--text:#e6edf3;--muted:#9da7b3;
--c0:#56b4e9;--c1:#fb923c;--c2:#34d399}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1100px;padding:24px 16px 64px;background:var(--back);color:var(--text);
font:15px/1.5 system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;overflow-wrap:anywhere}
h1{font-size:26px;line-height:1.25;margin:0 0 4px}
h2{font-size:19px;margin:40px 0 12px;padding-top:12px;border-top:1px solid var(--grid)}
h3{font-size:15px;margin:24px 0 4px}p{margin:4px 0}.muted{color:var(--muted)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px;margin:20px 0 0}
.tile,.example{background:var(--panel);border-radius:8px;padding:10px 14px}
.tile b{display:block;font-size:24px;font-variant-numeric:tabular-nums}
.plots{columns:2 420px;column-gap:40px}
.pairs{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));column-gap:40px}
.pairs section{min-width:0;break-inside:avoid}
figure{margin:0 0 20px;break-inside:avoid}figcaption{font-weight:600;margin-bottom:8px}
.example{margin:10px 0;padding:12px 14px;break-inside:avoid-page}.example>b{display:block;margin-bottom:6px}
details{margin-top:6px}summary{cursor:pointer;color:var(--muted)}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:13px;overflow-wrap:normal}
th,td{text-align:left;vertical-align:top;padding:4px 16px 4px 0;border-bottom:1px solid var(--grid)}
th{font-weight:600;white-space:nowrap}.figures :is(th,td):not(:first-child){text-align:right;white-space:nowrap}
.figures{font-variant-numeric:tabular-nums}.texts td{min-width:96px;max-width:320px;overflow-wrap:anywhere}.texts td:last-child{max-width:none}
.texts td:nth-child(2){min-width:140px}.texts :is(td:nth-child(5),td:nth-child(6)){min-width:60px}
.texts td:nth-child(7){min-width:190px}
dl{display:grid;grid-template-columns:minmax(80px,max-content) minmax(0,1fr);gap:2px 16px;margin:0}
dt{color:var(--muted)}dd{margin:0}td,dd,pre,li,b{unicode-bidi:plaintext}
pre{white-space:pre-wrap;max-height:26em;overflow:auto;margin:6px 0 0;padding:10px;font-size:12px;
border:1px solid var(--grid);border-radius:6px}
@media (max-width:520px){th,td{padding-right:9px}dl{grid-template-columns:minmax(0,1fr)}dd{margin-bottom:6px}
dd dl{padding-left:16px}}
@media print{body{max-width:none;padding:0}pre{max-height:none}h2,h3{break-after:avoid}
.plots{columns:2;column-gap:24px}.pairs{grid-template-columns:1fr 1fr;column-gap:24px}}
"""


def html(report: EvaluationReport, title: str, recorded: Mapping[str, object]) -> str:
    """Return the page. A section without data is one line that says so.

    Only the worst examples show their prompts, and long texts in the table of all questions are cut, so that a run of
    500 questions stays below a megabyte.

    :param recorded: the identity of the run and the versions of packages; may be nested.
    """
    head = fragment(tag("title", title), tag("style", Markup(_STYLE + charts.STYLE)))
    sections = [
        _section("Notes", [_notes(report)] if report.notes else [], "Nothing of note."),
        _section("Metrics", list(_metric_plots(report)), "Nothing was scored."),
        _section("Groups of questions", list(map(_table, tables.groups(report))), "All questions are of one group."),
        tag(
            "div",
            _section("Recall by depth", list(_recall(report)), "Recall was not measured."),
            _section("Risk and coverage", list(_risk(report)), "No answer came with a confidence."),
            _section("Losses by cause", list(_lost_points(report)), "No losses were charged to a cause."),
            _section("Latency", list(_latency(report)), "No times were taken."),
            class_="pairs",
        ),
        _section("Worst examples", list(_examples(report)), "No example lost a point to a known cause."),
        _section("Failures", list(_failures(report)), "No question failed."),
        _section("All questions", list(_questions(report)), "No question was asked."),
        _section("Run", [_nested(recorded)] if recorded else [], "Nothing was recorded about the run."),
    ]
    body = tag("body", _header(report, title), tag("main", *sections))
    return f"{_HEAD}{head}</head>\n{body}</html>\n"


def _header(report: EvaluationReport, title: str) -> Markup:
    named = [(name, report.metrics[name]) for name in HEADLINES if name in report.metrics]
    tiles = [
        tag("div", name, tag("b", number(metric.value)), tag("span", spread(metric), class_="muted"), class_="tile")
        for name, metric in named
    ]
    return tag("header", tag("h1", title), _line(tables.counts(report)), tag("div", *tiles, class_="tiles"))


def _notes(report: EvaluationReport) -> Markup:
    return tag("ul", *(tag("li", note) for note in report.notes))


def _metric_plots(report: EvaluationReport) -> Iterator[Markup]:
    figures = []
    for group in _GROUPS:
        measured = {name: metric for name, metric in report.metrics.items() if _group(name) == group}
        if rows := [bar for name, metric in measured.items() for bar in _bars(name, metric)]:
            plot = charts.bars(f"{group}: means with their 95% intervals", rows)
            figures.append(_figure(group, plot, tables.metrics(report, measured)))
    if figures:
        yield tag("div", *figures, class_="plots")
    if likelihoods := [name for name in report.metrics if name.startswith(_LIKELIHOOD)]:
        yield tag("h3", "Likelihood of the gold answer")
        yield _table(tables.metrics(report, likelihoods))


def _group(name: str) -> str:
    if name.startswith(_LIKELIHOOD):
        return ""
    return next((group for group, starts in _GROUPS.items() if starts and name.startswith(starts)), "Answers")


def _bars(name: str, metric: Metric) -> Iterator[Bar]:
    if metric.value is not None and 0 <= metric.value <= 1:
        yield Bar(name, 0.0, metric.value, number(metric.value), metric.low, metric.high)


def _recall(report: EvaluationReport) -> Iterator[Markup]:
    depths = {
        int(name.removeprefix("recall@")): name
        for name, metric in report.metrics.items()
        if name.startswith("recall@") and metric.value is not None
    }
    recalls = [(float(k), report.metrics[depths[k]]) for k in sorted(depths)]
    if recalls:
        points = [(k, metric.value) for k, metric in recalls if metric.value is not None]
        band = [(k, m.low, m.high) for k, m in recalls if m.low is not None and m.high is not None]
        caption = "Recall@k, with its 95% interval"
        axes, ticks = ("k (passages looked at)", "recall"), [k for k, _ in recalls]
        plot = charts.curve(caption, axes, points, band=band, ticks=ticks, log=True)
        yield _figure(caption, plot, tables.metrics(report, [depths[k] for k in sorted(depths)]))


def _lost_points(report: EvaluationReport) -> Iterator[Markup]:
    points = {cause: report.lost_points[cause].points for cause in CAUSES if cause in report.lost_points}
    if points:
        caption = "From a perfect F1 to the one that was reached"
        plot = charts.bars(caption, charts.waterfall(points, "f1"), linked=True)
        yield _figure(caption, plot, tables.lost_points(report))


def _risk(report: EvaluationReport) -> Iterator[Markup]:
    if not report.risk_coverage:
        return
    points = report.risk_coverage
    caption = "Risk when only the most confident answers are given"
    plot = charts.curve(caption, ("coverage of answerable questions", "risk (1 - F1)"), points)
    shown = points[:: max(1, len(points) // 20)]
    rows = tuple((number(coverage), number(risk)) for coverage, risk in dict.fromkeys((*shown, points[-1])))
    yield _figure(caption, plot, Table(("coverage", "risk"), rows))


def _latency(report: EvaluationReport) -> Iterator[Markup]:
    if report.latency:
        caption = "Milliseconds by stage"
        plot = charts.dots(caption, "ms", report.latency)
        yield _figure(caption, plot, tables.latency(report))
    if report.tokens:
        yield _line(tables.tokens(report))


def _examples(report: EvaluationReport) -> Iterator[Markup]:
    for cause in CAUSES:
        if results := tables.worst(report, cause):
            yield tag("h3", cause)
            yield _line(f"{CAUSES[cause].capitalize()}.")
            yield from (_example(result, cause) for result in results)


def _example(result: Result, cause: str) -> Markup:
    facts = {
        "id": result.id,
        "gold": tables.golds(result),
        "answer": tables.said(result),
        "from the gold passage": tables.alone(result),
        "points lost": number(result.lost_points[cause]),
        "passages": ", ".join(map(_place, result.hits)) or "(none)",
    }
    parts = [tag("b", result.question), _facts(facts)]
    if result.prompt:
        # A browser drops the first line feed of a <pre>, so one is added.
        parts.append(_details("Prompt", tag("pre", "\n", result.prompt)))
    return tag("article", *parts, class_="example")


def _place(location: Location) -> str:
    return f"{location.source}:{location.start}-{location.end}"


def _failures(report: EvaluationReport) -> Iterator[Markup]:
    if report.failures:
        rows = tuple((result.id, result.question, result.error) for result in report.failures)
        yield _table(Table(("id", "question", "error"), rows), "texts")


def _questions(report: EvaluationReport) -> Iterator[Markup]:
    if report.results:
        header = ("id", "question", "gold", "answer", "F1", "EM", "lost by", "confidence")
        table = Table(header, tuple(map(_question, report.results)))
        yield _details(f"{len(report.results)} questions", _table(table, "texts"))


def _question(result: Result) -> tuple[str, ...]:
    texts = (result.id, result.question, tables.golds(result), tables.said(result))
    figures = (result.scores.get("f1"), result.scores.get("exact_match"), result.confidence)
    f1, exact, confidence = ("" if figure is None else f"{figure:.2f}" for figure in figures)
    return (*map(_cut, texts), f1, exact, ", ".join(result.lost_points), confidence)


def _cut(text: str) -> str:
    return text if len(text) <= _CELL else text[:_CELL] + "…"


def _section(heading: str, parts: Sequence[Markup], missing: str) -> Markup:
    return tag("section", tag("h2", heading), *(parts or [_line(missing)]))


def _figure(caption: str, plot: Markup, table: Table) -> Markup:
    return tag("figure", tag("figcaption", caption), plot, _details("Data", _table(table)))


def _details(summary: str, content: Markup) -> Markup:
    return tag("details", tag("summary", summary), content)


def _table(table: Table, class_: str = "figures") -> Markup:
    head = tag("tr", *(tag("th", name, scope="col") for name in table.header))
    rows = (fragment("\n", tag("tr", *(tag("td", cell) for cell in row))) for row in table.rows)
    body = tag("tbody", *rows)
    return tag("div", tag("table", tag("thead", head), body, class_=class_), class_="scroll")


def _facts(facts: Mapping[str, str]) -> Markup:
    return tag("dl", *(part for name, text in facts.items() for part in (tag("dt", name), tag("dd", text))))


def _nested(values: Mapping[str, object]) -> Markup:
    """Return a definition list, with a nested list for each mapping that is not empty."""
    parts = []
    for key, value in values.items():
        inner = _nested(value) if isinstance(value, Mapping) and value else tables.plain(value)
        parts += [tag("dt", str(key)), tag("dd", inner)]
    return tag("dl", *parts)


def _line(text: str) -> Markup:
    return tag("p", text, class_="muted")
