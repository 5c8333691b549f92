"""The contract of a `System`: the requirements of evaluation on a system."""

from __future__ import annotations

from ragqa.errors import UsageError
from ragqa.records import Hit
from ragqa.stages import System


class SystemContract:
    """Tests of your system over a few documents that answer `question`; at least one passage is found for it.

    class TestMine(SystemContract):
        question = "Who runs the ferry?"

        def make(self) -> System:
            return MySystem(["Ilse runs the ferry."])
    """

    question: str

    def make(self) -> System:
        """Return the system, ready to answer."""
        raise NotImplementedError("return a system that is ready to be asked")

    def test_it_finds_up_to_k_passages_best_first_and_the_same_each_time(self) -> None:
        """Metrics of retrieval use only ranks, and a replay compares the hits."""
        system = self.make()
        hits = list(system.search(self.question, 10))
        assert 1 <= len(hits) <= 10
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert list(system.search(self.question, 10)) == hits
        assert list(system.search(self.question, 1)) == hits[:1]

    def test_a_passage_is_a_span_of_its_document(self) -> None:
        """Gold spans are compared with the offsets of passages."""
        for hit in self.make().search(self.question, 10):
            assert hit.source and hit.chunk.document_id
            assert hit.chunk.end - hit.chunk.start == len(hit.chunk.text) > 0

    def test_an_answer_is_one_to_its_question_and_says_where_its_tokens_went(self) -> None:
        """Scores are of the text; an answer that was withheld says why."""
        answer = self.make().ask(self.question)
        assert answer.question == self.question
        assert answer.abstained != bool(answer.text.strip())
        assert bool(answer.reason) or not answer.abstained
        assert answer.prompt is None or answer.prompt.n_tokens > 0

    def test_it_answers_from_the_passages_that_it_is_given_and_from_no_others(self) -> None:
        """The answer from the gold passages decides whether lost points are due to retrieval or to reading."""
        system = self.make()
        passages = list(system.search(self.question, 10))[-1:]
        answer = system.ask(self.question, passages=passages)
        assert answer.question == self.question
        assert answer.prompt is None or set(map(_place, answer.prompt.passages)) <= set(map(_place, passages))
        none = system.ask(self.question, passages=[])
        assert none.prompt is None or none.prompt.passages == ()

    def test_a_question_may_come_with_earlier_turns(self) -> None:
        """The turns of a conversation are passed where a dataset has some."""
        system, turns = self.make(), [("What is it about?", "It is about this.")]
        assert len(list(system.search(self.question, 10, history=turns))) <= 10
        assert system.ask(self.question, history=turns).question == self.question
        assert self.question in system.prompt(self.question, history=turns).text

    def test_a_prompt_holds_the_question_and_the_passages_that_it_names(self) -> None:
        """Reports show the exact prompt."""
        system = self.make()
        prompt = system.prompt(self.question, list(system.search(self.question, 2)))
        assert self.question in prompt.text
        assert prompt.n_tokens > 0
        assert len(prompt.passages) <= 2

    def test_log_probabilities_are_at_most_0_or_the_system_says_that_it_has_none(self) -> None:
        """Likelihoods are measured on request, where a system can compute them."""
        system = self.make()
        try:
            scores = system.score(system.prompt(self.question), "an answer")
        except UsageError:
            return
        assert scores and all(score <= 0 for score in scores)


def _place(hit: Hit) -> tuple[str, int, int]:
    return hit.chunk.document_id, hit.chunk.start, hit.chunk.end
