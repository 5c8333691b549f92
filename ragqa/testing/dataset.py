"""The contract of a kind of dataset: the requirements of evaluation on every `Dataset`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ragqa.evaluate import Dataset, Evidence
from ragqa.evaluate.datasets import checked
from ragqa.evaluate.runs.gold import locate_evidence

_PAGE = "#page="


class DatasetContract:
    """Tests of the dataset that your reader returns for a small file of its kind.

    class TestMine(DatasetContract):
        def make(self) -> Dataset:
            return read_mine(Path("tests/data/mine.json"))
    """

    def make(self) -> Dataset:
        """Read the dataset; it has at least one question."""
        raise NotImplementedError("return the dataset that your kind reads from a small file")

    def test_ids_and_sources_name_one_thing_each_and_there_is_a_question(self) -> None:
        """Results are kept by question id, and evidence names documents by source."""
        dataset = self.make()
        assert checked(dataset, Path(dataset.name)).questions == dataset.questions

    def test_reading_again_gives_the_same(self) -> None:
        """An interrupted run is continued only where its questions are unchanged."""
        assert self.make() == self.make()

    def test_a_question_has_an_id_a_text_and_a_group(self) -> None:
        """The id is the key of a result, the text is put to the system, and intervals are clustered by groups."""
        for question in self.make().questions:
            assert question.id and question.question.strip() and question.group, question

    def test_answers_fit_whether_the_question_can_be_answered(self) -> None:
        """An unanswerable question has no answers; an answerable one has some, or measures retrieval only."""
        for question in self.make().questions:
            if question.answerable:
                assert question.answers or question.relevant, question
                assert all(answer.strip() for answer in question.answers), question
            else:
                assert not question.answers, question

    def test_evidence_is_where_it_says(self) -> None:
        """Every quote is in a document of the dataset; without documents nothing is checked."""
        dataset = self.make()
        documents = {document.source: document for document in dataset.documents}
        sources = {evidence.source for evidence in _evidence(dataset)} if documents else set()
        assert sources <= documents.keys()
        spans, _ = locate_evidence(dataset.questions if documents else (), documents)
        texts = {document.id: document.text for document in dataset.documents}
        for located in spans.values():
            assert all(0 <= span.start < span.end <= len(texts[span.document_id]) for span in located)

    def test_relevant_units_are_of_the_unit_of_the_dataset_and_have_a_grade(self) -> None:
        """Retrieval is judged by documents, or by pages from 1 on; grade 0 would mean that a unit is not relevant."""
        dataset = self.make()
        for question in dataset.questions:
            assert all(grade > 0 for grade in question.relevant.values()), question
            for unit in question.relevant:
                source, mark, page = unit.partition(_PAGE)
                assert source and bool(mark) == (dataset.unit == "page"), unit
                assert not mark or int(page) > 0, unit
            assert not question.relevant or dataset.unit != "span", question

    def test_it_is_about_documents_in_memory_or_files_of_a_folder_or_neither(self) -> None:
        """A pipeline indexes one of the two; with neither, the questions are about its own documents."""
        dataset = self.make()
        assert not (dataset.documents and dataset.folder)
        if dataset.folder is not None:
            assert dataset.folder.is_dir()
            assert all(any(dataset.folder.glob(pattern)) for pattern in dataset.include)


def _evidence(dataset: Dataset) -> Iterator[Evidence]:
    return (evidence for question in dataset.questions if question.answerable for evidence in question.evidence)
