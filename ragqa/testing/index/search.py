"""The results of a search: hits, their order and their scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ragqa import text_analysis
from ragqa.records import Chunk
from ragqa.stages import BatchSearcher, Entry
from ragqa.testing.documents import IDENTITY, commit, entry, vector, vectors
from ragqa.testing.index.samples import ALL, FERRY, LOAN, QUESTION, TURBINE, Made, answers


class SearchContract(Made):
    """The results of a search: hits, their order and their scores."""

    def test_dense_is_the_order_of_inner_products(self, tmp_path: Path) -> None:
        """Small indexes are searched exactly; rerankers and the fusion use the scores."""
        question = vector(QUESTION)
        texts = {chunk.id: chunk.indexed_text for each in ALL for chunk in each.chunks}
        scores = {id_: float(vector(text) @ question) for id_, text in texts.items()}
        with self.indexed(tmp_path).open({}) as reader:
            found = reader.dense(question, 50)
            assert [id_ for id_, _ in found] == sorted(scores, key=lambda id_: (-scores[id_], id_)), (
                "best first, all of them"
            )
            assert np.allclose([score for _, score in found], [scores[id_] for id_, _ in found], atol=1e-5)
            assert reader.dense(question, 2) == found[:2] and reader.dense(question, 0) == []
            if isinstance(reader, BatchSearcher):
                both = np.stack([question, vector(next(iter(texts.values())))])
                assert reader.dense_many(both, 3) == [reader.dense(each, 3) for each in both], "as one by one"
            assert np.allclose(reader.dense_scores(question, list(scores)), list(scores.values()), atol=1e-5)
            assert reader.dense_scores(question, []) == [] and reader.vectors([]).shape[0] == 0
            own = reader.vectors(list(texts))
            assert own.dtype == np.float32 and np.allclose(own, vectors(list(texts.values())), atol=1e-6)

    def test_lexical_scores_agree_with_one_another(self, tmp_path: Path) -> None:
        """The fusion divides the score of a chunk from `lexical_scores` by `lexical_bound`."""
        with self.indexed(tmp_path).open({}) as reader:
            found = dict(reader.lexical(QUESTION, 50))
            ids = [chunk.id for each in ALL for chunk in each.chunks]
            scores = dict(zip(ids, reader.lexical_scores(QUESTION, ids), strict=True))
            assert found, "chunks that have a content word of the question are found"
            assert list(found.values()) == sorted(found.values(), reverse=True), "best first"
            assert {id_ for id_ in ids if scores[id_] > 0} == set(found), (
                "0 where no term is shared, and not found then"
            )
            assert np.allclose([scores[id_] for id_ in found], list(found.values()), rtol=1e-4)
            assert max(scores.values()) <= reader.lexical_bound(QUESTION) * (1 + 1e-6), "no score exceeds the bound"
            assert next(iter(found)) == FERRY.chunks[1].id, "the chunk with the rare words of the question is first"
            assert reader.lexical(QUESTION, 1) == list(found.items())[:1] and reader.lexical(QUESTION, 0) == []
            assert reader.lexical("zzz", 5) == [] and set(reader.lexical_scores("zzz", ids)) == {0.0}
            assert reader.lexical_scores(QUESTION, []) == []

    def test_the_chunks_that_have_a_term_are_counted(self, tmp_path: Path) -> None:
        """A question about something that no document names is refused by these counts."""
        index = self.indexed(tmp_path)
        terms = [text_analysis.term(word) for word in ("ferries", "loan", "the", "mongolia")]
        with index.open({}) as reader:
            ferry, loan, the, unknown = reader.document_counts(terms)
            assert (ferry, loan, unknown) == (3, 2, 0), "a chunk has the terms of its text and of its context"
            assert the == 4 and reader.document_counts([]) == [], "stop words are terms too"
        with index.open({}, where={"title": "Loans"}) as reader:
            assert reader.document_counts(terms)[:2] == [0, 2], "only chunks that can be found count"
        with index.write(IDENTITY) as writer:
            commit(writer, [], ["turbine.txt"])
        with index.open({}) as reader:
            assert reader.document_counts(terms)[:2] == [2, 2], "a document that is gone does not count"

    def test_a_document_is_found_by_its_names(self, tmp_path: Path) -> None:
        """`Which licence is httpx under?` finds python/httpx/LICENSE.md, whose text has neither word."""
        texts = ["Permission is granted.", "Permission is granted, too.", "A client for the web."]
        sources = ["python/httpx/LICENSE.md", "python/otherTool/LICENSE.md", "python/httpx/client.md"]
        entries = [entry(source, text) for source, text in zip(sources, texts, strict=True)]
        fields = entry(
            "notes/a.txt", "Bring a coat.", title="Winter", metadata={"author": "Mara Lind", "tags": ["sea"]}
        )
        index = self.indexed(tmp_path, [*entries, fields, LOAN, TURBINE])
        ids = [each.chunks[0].id for each in [*entries, fields]]
        with index.open({}) as reader:
            found = reader.lexical("Which licence is httpx under?", 50)
            assert [id_ for id_, _ in found][:1] == ids[:1] and {id_ for id_, _ in found} == set(ids[:3])
            scores = reader.lexical_scores("Which licence is httpx under?", [id_ for id_, _ in found])
            assert np.allclose(scores, [score for _, score in found], rtol=1e-4), "both count names"
            assert found[0][1] <= reader.lexical_bound("Which licence is httpx under?") * (1 + 1e-6)
            for question, id_ in (("tool", ids[1]), ("otherTool", ids[1]), ("Lind coat", ids[3]), ("sea", ids[3])):
                assert reader.lexical(question, 1)[0][0] == id_, f"{question}: parts of names, and fields of metadata"
            (hit,) = reader.hits([(ids[3], 1.0, {})])
            assert hit.fields == {"author": "Mara Lind", "tags": ["sea"]}, "a hit has the fields of its document"
            assert reader.document_counts([text_analysis.term(word) for word in ("httpx", "license", "sea")]) == [
                2,
                2,
                1,
            ]
        with index.open({}, where={"title": "Winter"}) as reader:
            assert reader.lexical("httpx sea", 50)[0][0] == ids[3] and len(reader.lexical("httpx sea", 50)) == 1

    def test_a_new_name_is_found_and_embeds_nothing(self, tmp_path: Path) -> None:
        """All names of a document count, and the names of another document with equal chunks do not."""
        same = [entry("port/a.txt", "A buoy.\nOne."), entry("quay/b.txt", "A buoy.\nTwo."), LOAN, TURBINE]
        index, (id_, other) = self.indexed(tmp_path, same), [each.document.id for each in same[:2]]
        buoys = [each.chunks[0].id for each in same[:2]]
        with index.write(IDENTITY) as writer:
            assert writer.missing(same[0].chunks) == []
            writer.commit([], {}, {"port/a.txt": None, "jetty/c.txt": id_, "wharf/d.txt": id_})
        with index.open({}) as reader:
            for name, wanted in (("jetty", id_), ("wharf", id_), ("quay", other)):
                ((found, _),) = reader.lexical(f"{name} buoy", 1)
                assert found == buoys[wanted == other], f"the chunk of the document that {name} names"
            assert reader.lexical("port", 5) == [], "an old name is not found"
        with index.write(IDENTITY) as writer:
            commit(writer, [], ["jetty/c.txt", "wharf/d.txt"])
        with index.open({}) as reader:
            assert reader.lexical("wharf", 5) == [] and reader.document_counts(["wharf"]) == [0]

    def test_ties_go_by_chunk_id(self, tmp_path: Path) -> None:
        """A question has the same ranking for every order in which documents were indexed."""
        same = [entry(f"{n}.txt", f"The same line.\n{n}") for n in range(8)]
        ids = sorted(each.chunks[0].id for each in same)
        orders = []
        for name, order in (("a", same), ("b", same[::-1])):
            (tmp_path / name).mkdir()
            with self.indexed(tmp_path / name, order).open({}) as reader:
                assert [id_ for id_, _ in reader.dense(vector("the same line"), 3)] == ids[:3], (
                    "dense: ties by chunk id"
                )
                assert [id_ for id_, _ in reader.lexical("same line", 3)] == ids[:3], "lexical: ties by chunk id"
                orders.append(reader.dense(vector("the same line"), 50))
        assert orders[0] == orders[1], "a ranking does not depend on the order of indexing"

    def test_hits_are_passages_that_can_be_cited(self, tmp_path: Path) -> None:
        """An answer cites text of a stored document, with its exact place."""
        with self.indexed(tmp_path).open({}, locate=lambda source: f"/home/{source}") as reader:
            ranked = [(LOAN.chunks[1].id, 0.5, {"dense": 0.5}), (FERRY.chunks[0].id, 0.25, {})]
            hits = reader.hits(ranked)
            assert [hit.chunk for hit in hits] == [LOAN.chunks[1], FERRY.chunks[0]], "in the order given"
            assert [(hit.score, dict(hit.scores)) for hit in hits] == [(0.5, {"dense": 0.5}), (0.25, {})]
            assert (hits[0].source, hits[0].path) == ("loan.txt", "/home/loan.txt")
            whole = reader.span(hits[0], 0, len(LOAN.document.text))
            assert whole.chunk.text == LOAN.document.text and whole.scores == hits[0].scores
            assert (whole.chunk.start, whole.chunk.end) == (0, len(LOAN.document.text))
            assert reader.holds(LOAN.chunks[0]) and reader.hits([]) == []
            wrong = [Chunk("x", LOAN.document.id, 1, 5, "Mara"), Chunk("x", "unknown", 0, 4, "Mara")]
            wrong += [Chunk("x", LOAN.document.id, 3, 3, ""), Chunk("x", LOAN.document.id, -1, 4, "")]
            assert not any(map(reader.holds, wrong)), "`holds` is about this text at this place"

    def test_a_filter_decides_what_can_be_found(self, tmp_path: Path) -> None:
        """`retrieve.filter` is exact: documents without the value are never found, even where they are most similar."""
        old = entry("old.txt", "The ferry of old.", metadata={"year": 1999, "tags": ["sea", "past"]})
        new = entry("new.md", "The ferry of now.", metadata={"year": 2024}, media_type="text/markdown", title="Now")
        index = self.indexed(tmp_path, [old, new])
        filters: list[tuple[dict[str, Any], list[Entry]]] = [
            ({"year": 2024}, [new]), ({"year": [1999, 2024]}, [old, new]), ({"year": "2024"}, []), ({"none": 1}, []),
            ({"tags": "past"}, [old]), ({"media_type": "text/markdown"}, [new]), ({"title": "Now", "year": 2024}, [new]),
            ({}, [old, new]),
        ]  # fmt: skip
        for where, wanted in filters:
            with index.open({}, where=where) as reader:
                ids = {chunk.id for each in wanted for chunk in each.chunks}
                assert {id_ for id_, _ in reader.dense(vector("ferry"), 50)} == ids, f"dense, where {where}"
                assert {id_ for id_, _ in reader.lexical("ferry", 50)} == ids, f"lexical, where {where}"
                assert len(reader.sources()) == 2, "a filter hides no source: else a run would index it anew"

    def test_an_index_with_nothing_in_it_answers_with_nothing(self, tmp_path: Path) -> None:
        """`index(allow_empty=True)` over an empty folder leaves such an index."""
        index = self.indexed(tmp_path)
        with index.write(IDENTITY) as writer:
            commit(writer, [], ["ferry.txt", "loan.txt", "turbine.txt"])
            assert writer.chunk_count == 0
            writer.maintain()
        with index.open(IDENTITY) as reader:
            assert reader.dense(vector(QUESTION), 5) == [] and reader.lexical(QUESTION, 5) == []
            assert not reader.sources() and not reader.contents() and reader.lexical_bound(QUESTION) >= 0

    def test_maintenance_at_the_end_of_a_run_changes_no_answer(self, tmp_path: Path) -> None:
        """`maintain` may change the stored files, but not the search results."""
        index = self.indexed(tmp_path)
        with index.open({}) as reader:
            said = answers(reader)
        with index.write(IDENTITY) as writer:
            done = writer.maintain()
            assert done.dropped_vectors >= 0 and done.search, (
                "`search` names how vectors are searched, `flat` for exactly"
            )
            assert writer.chunk_count == 6
        with index.open({}) as reader:
            assert answers(reader) == said
