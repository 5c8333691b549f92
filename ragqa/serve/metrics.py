"""Counters in the text format of Prometheus. Labels have few values by construction: no path, no text of a user."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

Labels = tuple[tuple[str, str], ...]

HELP = {
    "ragqa_requests_total": "Requests by the name of the route and the status.",
    "ragqa_request_seconds_total": "Seconds from the head of a request to the end of its reply, by route.",
    "ragqa_sent_bytes_total": "Bytes of replies, by route.",
    "ragqa_answers_total": "Answers by their kind, or by the reason of an abstention.",
    "ragqa_questions_waiting": "Questions that wait.",
    "ragqa_questions_running": "Questions that are being answered.",
}
_GAUGES = ("ragqa_questions_waiting", "ragqa_questions_running")


class Metrics:
    """Counts; any thread may call its methods."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: Counter[tuple[str, Labels]] = Counter()

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Add to a counter of `HELP`."""
        with self._lock:
            self._values[name, tuple(sorted(labels.items()))] += by  # type: ignore[assignment]

    def text(self, gauges: Mapping[str, float]) -> str:
        """Return all counters, and these present values, as Prometheus reads them."""
        with self._lock:
            values = dict(self._values)
        lines = []
        for name, about in HELP.items():
            lines += [f"# HELP {name} {about}", f"# TYPE {name} {'gauge' if name in _GAUGES else 'counter'}"]
            lines += [_line(name, labels, value) for (of, labels), value in sorted(values.items()) if of == name]
            lines += [_line(name, (), gauges[name])] if name in gauges else []
        return "\n".join(lines) + "\n"


def _line(name: str, labels: Labels, value: float) -> str:
    shown = ",".join(f'{key}="{text}"' for key, text in labels)
    return f"{name}{{{shown}}} {value:g}" if shown else f"{name} {value:g}"
