"""What each profile needs, and how well it answered: the figures by which one is chosen and recommended.

They are those of `benchmarks/RESULTS.md`, "Questions that people ask" and "Judged by a reader", and of the table in
`pipelines/README.md` (memory). Both profiles were asked the same questions.
"""

from __future__ import annotations

from dataclasses import dataclass

MEASURED_ON = "natural questions about a folder, judged by a reader"
"""The questions to which `right`, `wrong` and `asked` refer, as a message names them."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The needs and the quality of a profile.

    :param memory: the bytes of memory that it needs, for all its models.
    :param cores: the least number of cores with which an answer comes in the time of `seconds`.
    :param seconds: the median time of an answer, on the two cores of the measurement.
    :param right: how many questions it answered rightly, or refused where the documents have no answer.
    :param wrong: how many it answered wrongly; the rest are partly right or refused. :param asked: how many questions it was asked.
    """

    memory: int
    cores: int
    seconds: float
    right: int
    wrong: int
    asked: int

    @property
    def counts(self) -> str:
        """What a message says of the quality."""
        return f"right on {self.right} and wrong on {self.wrong} of {self.asked} {MEASURED_ON}"


FIGURES = {
    "small": Figures(memory=2_000_000_000, cores=1, seconds=0.5, right=23, wrong=4, asked=36),
    "better": Figures(memory=4_000_000_000, cores=2, seconds=5.1, right=23, wrong=2, asked=36),
}
"""The figures by profile; those of `endpoint` depend on the model behind it."""
