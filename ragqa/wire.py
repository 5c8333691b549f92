"""Records <-> JSON: the form of each record in the output of `--json` and in files.

A function takes a record and returns plain data. The keys are public: they do not change when a field of the record
gets another name. `line` writes such data. `result_from` reads the data of `result`, also those of an older version.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from ragqa.evaluate.dataset import Question
    from ragqa.evaluate.reports.summary import EvaluationReport
    from ragqa.evaluate.runs.result import Result
    from ragqa.experiments import Comparison, Drafts, Replay, Tuning
    from ragqa.pipeline.ingest.refresh import IndexReport
    from ragqa.records import Answer, AnswerSentence, Citation, FileStatus, Hit

Json = dict[str, Any]
"""A JSON object as plain data."""

_ENCODING: Any = {"encoding": "utf-8", "errors": "backslashreplace"}
"""Half a surrogate pair, which UTF-8 cannot hold. It is written as an escape of JSON."""


def line(data: Mapping[str, Any]) -> bytes:
    """Return plain data as JSON on one line in UTF-8, without a line break."""
    return json.dumps(data, ensure_ascii=False).encode(**_ENCODING)


def lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the bytes of a JSON Lines file; empty for no rows."""
    return b"".join(line(row) + b"\n" for row in rows)


def indented(data: Mapping[str, Any]) -> bytes:
    """Return the bytes of a JSON file for people to read, indented by two spaces."""
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode(**_ENCODING)


# --- The results of a pipeline ---------------------------------------------------------------------------------------


def hit(record: Hit) -> Json:
    """Return a hit and its chunk; offsets are in code points of the document's text, pages count from 1."""
    chunk = record.chunk
    return {
        "source": record.source,
        "path": record.path,
        "page": chunk.page,
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
        "score": record.score,
        "scores": dict(record.scores),
        "fields": dict(record.fields),
        "versions": dict(record.versions),
        "place": record.place,
        "document_id": chunk.document_id,
    }


def citation(record: Citation) -> Json:
    """Return a citation; offsets and pages as in `hit`."""
    return asdict(record)


def answer(record: Answer) -> Json:
    """Return an answer, with the text of its prompt and its dropped parts."""
    return {
        "question": record.question,
        "searched": record.searched,
        "text": record.text,
        "citations": [citation(each) for each in record.citations],
        "abstained": record.abstained,
        "reason": record.reason,
        "finish": record.finish,
        "confidence": record.confidence,
        "kind": record.kind,
        "sentences": [answer_sentence(each) for each in record.sentences],
        "unsupported": record.unsupported,
        "unanswered": list(record.unanswered),
        "nearest": [citation(each) for each in record.nearest],
        "advice": record.advice,
        "read": record.read,
        "hits": [hit(each) for each in record.hits],
        "prompt": record.prompt.text if record.prompt else None,
        "dropped": [asdict(dropped) for dropped in record.prompt.dropped] if record.prompt else [],
        "usage": dict(record.usage),
        "index_version": record.index_version,
        "coverage": asdict(record.coverage) if record.coverage else None,
    }


def answer_sentence(record: AnswerSentence) -> Json:
    """Return a part of an answer with its citations."""
    return {
        "text": record.text,
        "citations": [citation(each) for each in record.citations],
        "support": record.support,
    }


def file_status(record: FileStatus) -> Json:
    """Return the outcome for a file, and the reason."""
    return asdict(record)


def index_report(record: IndexReport) -> Json:
    """Return the counts of a run of indexing, and the status of each file; `files` is the sum of the four statuses."""
    rate = record.embedded / record.embed_seconds if record.embedded else None
    return {
        "files": len(record.statuses),
        **{status: record.count(status) for status in ("indexed", "unchanged", "rejected", "skipped")},
        "removed": record.removed,
        "chunks": record.chunks,
        "embedded": record.embedded,
        "seconds": round(record.seconds, 2),
        "read_seconds": round(record.read_seconds, 2),
        "split_seconds": round(record.split_seconds, 2),
        "embed_seconds": round(record.embed_seconds, 2),
        "chunks_per_second": round(rate, 1) if rate else None,
        "generation": record.generation,
        "search": record.search,
        "recall": record.recall,
        "dropped_vectors": record.dropped_vectors,
        "pending": record.coverage.pending,
        "statuses": [file_status(each) for each in record.statuses],
    }


# --- The results of an evaluation ------------------------------------------------------------------------------------


def result(record: Result) -> Json:
    """Return the outcome of one question, as a line of results.jsonl; the lost points have the key `losses`."""
    named = {_RESULT_KEYS.get(name, name): value for name, value in asdict(record).items()}
    return {**named, "prompt_sha256": record.prompt_sha256}


def result_from(row: Mapping[str, Any], cls: Callable[..., Result]) -> Result:
    """Return the result from the plain data of `result`.

    A result of an older version may have the usage of its answer under `ledger` and the index version under
    `generation`. Present results do not have these two, so they are left out.

    :param cls: the class `Result`, passed as an argument since this module imports no room.
    :raises ValueError: keys are missing or unknown, or values have other types.
    """
    fields_of = {key: name for name, key in _RESULT_KEYS.items()}
    values = {fields_of.get(key, key): value for key, value in row.items() if key not in _NOT_READ}
    adapter, names = _adapter(cls)
    if unknown := values.keys() - names:
        raise ValueError(f"{len(unknown)} keys are unknown")
    return adapter.validate_python(values)


_RESULT_KEYS = {"lost_points": "losses"}
"""The keys of results.jsonl whose names differ from those of the fields of `Result`."""
_NOT_READ = ("prompt_sha256", "ledger", "generation")
"""The keys of results.jsonl that are computed from others, or were written by an older version only."""


@cache
def _adapter(cls: Any) -> tuple[TypeAdapter[Result], frozenset[str]]:
    """Return the adapter that checks the types of a dataclass's fields, and the names of the fields."""
    from pydantic import TypeAdapter

    return TypeAdapter(cls), frozenset(field.name for field in fields(cls))


def evaluation_report(record: EvaluationReport) -> Json:
    """Return the figures of a run, without its results; the lost points have the key `losses`."""
    return {
        "metrics": {name: asdict(metric) for name, metric in record.metrics.items()},
        "losses": {cause: asdict(points) for cause, points in record.lost_points.items()},
        "risk_coverage": [list(point) for point in record.risk_coverage],
        "latency_ms": {stage: dict(values) for stage, values in record.latency.items()},
        "tokens": dict(record.tokens),
        "groups": {
            heading: {
                group: {name: asdict(metric) for name, metric in measured.items()} for group, measured in parts.items()
            }
            for heading, parts in record.groups.items()
        },
        "questions": len(record.results),
        "failures": [{"id": failure.id, "error": failure.error} for failure in record.failures],
        "notes": list(record.notes),
    }


# --- The results of an experiment ------------------------------------------------------------------------------------


def comparison(record: Comparison) -> Json:
    """Return the differences of two runs, metric by metric, with the changed answers and the gates."""
    return {
        "metrics": {name: asdict(metric) for name, metric in record.metrics.items()},
        "only_a": record.only_a,
        "only_b": record.only_b,
        "flips": [asdict(flip) for flip in record.flips],
        "gates": [asdict(gate) for gate in record.gates],
    }


def tuning(record: Tuning) -> Json:
    """Return the choice of a tuning, its candidates and its questions; `comparison` is None if there was none."""
    return {
        "dataset": record.dataset,
        "metric": record.metric,
        "splits": dict(zip(("tune", "test"), record.split.names, strict=True)),
        "seed": record.split.seed,
        "questions": {"tune": len(record.split.tune), "test": len(record.split.test)},
        "shared_groups": list(record.split.shared),
        "notes": record.split.notes,
        "candidates": [asdict(racer) for racer in record.race.racers],
        "winner": record.race.winner,
        "baseline": record.baseline,
        "test": {name: asdict(metric) for name, metric in record.tested.items()},
        "comparison": asdict(record.comparison) if record.comparison else None,
        "pipeline": record.pipeline,
    }


def replay(record: Replay) -> Json:
    """Return the number of results of a run that are equal in a replay, and the differences of the others."""
    return {
        "questions": record.questions,
        "equal": record.equal,
        "identity": list(record.identity),
        "counts": dict(record.counts),
        "differing": {id_: dict(differences) for id_, differences in record.differing.items()},
    }


def question(record: Question) -> Json:
    """Return a question as a line of questions.jsonl."""
    keys = ("source", "text", "start", "end")
    return {
        "id": record.id,
        "question": record.question,
        "answers": list(record.answers),
        "answerable": record.answerable,
        "evidence": [{key: getattr(quote, key) for key in keys} for quote in record.evidence],
        **({"history": [list(turn) for turn in record.history]} if record.history else {}),
        **({"type": list(record.types)} if record.types else {}),
        **({"answerability": record.answerability} if record.answerability in ("partial", "underspecified") else {}),
        **record.metadata,
    }


def drafts(record: Drafts) -> Json:
    """Return drafted questions as lines of questions.jsonl, and the number of failed tries by reason."""
    return {"questions": [question(each) for each in record.questions], "dropped": dict(record.dropped)}
