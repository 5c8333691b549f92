"""Rerankers: scores equal to those of the libraries, nothing cut, nothing computed twice, rankings mixed as by hand."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    PreTrainedTokenizerFast,
)

from ragqa.config.generators import CausalLMGenerate
from ragqa.errors import ModelError, RefusedError, UsageError
from ragqa.generate.causal_lm import CausalLM
from ragqa.records import Hit
from ragqa.retrieve.rerank import BiEncoderScorer, CrossEncoderScorer, LikelihoodScorer, rescore
from ragqa.stages import Scorer
from tests.fakes import WordEmbedder, hit

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WORDS = ("the", "ferry", "sails", "at", "nine", "turbine", "makes", "power", "when", "does")
WINDOW = 24
QUESTION = "when does the ferry sails"
PASSAGES = ["the ferry sails at nine", "the turbine makes power", "nine", "ferry " * 12, "at the turbine at nine"]


def save_cross_encoder(folder: Path, labels: int = 1, kind: Any = BertForSequenceClassification) -> Path:
    """Save a tiny BERT of random weights and its tokenizer."""
    vocabulary = {token: number for number, token in enumerate((*SPECIAL, *WORDS))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")],
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)  # type: ignore[no-untyped-call]
    torch.manual_seed(0)
    config: Any = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=WINDOW,
        initializer_range=0.5,
    )
    config.num_labels = labels
    kind(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_cross_encoder(tmp_path_factory.mktemp("cross-encoder"))


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_a_cross_encoder_gives_the_logits_of_transformers_in_the_order_of_the_passages(
    folder: Path, batch_size: int
) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        pairs = [tokenizer(QUESTION, passage, return_tensors="pt") for passage in PASSAGES]
        expected = [float(model(**pair).logits) for pair in pairs]
    scorer: Scorer = CrossEncoderScorer(str(folder), batch_size=batch_size)
    assert scorer.scores(QUESTION, PASSAGES) == pytest.approx(expected, abs=1e-5)
    assert len({round(score, 3) for score in expected}) == len(PASSAGES)


def test_no_passages_give_no_scores_and_load_nothing(folder: Path) -> None:
    scorer = CrossEncoderScorer(str(folder))
    assert scorer.scores(QUESTION, []) == []
    assert "_encoder" not in vars(scorer)


def test_a_pair_up_to_the_window_is_scored_and_one_beyond_it_is_an_error(folder: Path) -> None:
    scorer = CrossEncoderScorer(str(folder))
    room = WINDOW - len(QUESTION.split()) - 3
    assert len(scorer.scores(QUESTION, ["ferry " * room])) == 1
    message = r"passage 1 \('ferry ferry.*have 25 tokens together; .* reads 24: lower split.chunk_size"
    with pytest.raises(UsageError, match=message):
        scorer.scores(QUESTION, ["nine", "ferry " * (room + 1)])


def test_the_prompt_of_a_cross_encoder_is_read_and_counted(tmp_path: Path) -> None:
    folder = save_cross_encoder(tmp_path)
    bare = CrossEncoderScorer(str(folder))
    without = bare.scores(QUESTION, ["nine"])
    bare._encoder.prompts, bare._encoder.default_prompt_name = {"query": "the turbine "}, "query"
    assert bare.scores(QUESTION, ["nine"]) != pytest.approx(without)
    with pytest.raises(UsageError, match="have 26 tokens"):
        bare.scores(QUESTION, ["ferry " * (WINDOW - len(QUESTION.split()) - 3)])


def test_a_model_with_several_labels_is_no_reranker(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has 3 labels; must have 1"):
        CrossEncoderScorer(str(save_cross_encoder(tmp_path, labels=3)))


def test_an_encoder_without_a_classifier_is_no_reranker(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="its architecture is BertModel; must be a cross-encoder"):
        CrossEncoderScorer(str(save_cross_encoder(tmp_path, kind=BertModel)))


def test_a_folder_that_names_code_of_its_own_is_refused(tmp_path: Path) -> None:
    folder = save_cross_encoder(tmp_path)
    modules = '[{"idx": 0, "name": "0", "path": "", "type": "evil.Module"}]'
    (folder / "modules.json").write_text(modules, encoding="utf-8")
    (folder / "config_sentence_transformers.json").write_text('{"model_type": "CrossEncoder"}', encoding="utf-8")
    (folder / "evil.py").write_text("raise SystemExit('it ran')", encoding="utf-8")
    with pytest.raises(RefusedError, match="without running code of its own"):
        CrossEncoderScorer(str(folder)).scores(QUESTION, PASSAGES)


def test_a_cross_encoder_that_is_not_here_is_an_error_with_the_command() -> None:
    with pytest.raises(ModelError, match="ragqa models pull someone/some-model"):
        CrossEncoderScorer("someone/some-model")


class SharedWords:
    """A likelihood model: a text is more likely, the more of its words are in the text before it."""

    def __init__(self) -> None:
        self.pairs: list[tuple[str, str]] = []

    def log_likelihoods(self, pairs: Sequence[tuple[str, str]]) -> list[list[float]]:
        self.pairs += pairs
        return [[-float(len(set(after.split()) - set(before.split())))] for before, after in pairs]


def test_query_likelihood_asks_how_likely_the_question_is_after_each_passage() -> None:
    model = SharedWords()
    assert LikelihoodScorer(model).scores("When does it sail?", ["When it does sail?", "Power."]) == [0.0, -4.0]
    before = "Passage: Power.\nPlease write a question based on this passage.\nQuestion:"
    assert model.pairs[1] == (before, " When does it sail?")
    assert LikelihoodScorer(model).scores("When?", []) == []


def test_braces_in_passage_and_question_are_text() -> None:
    model = SharedWords()
    LikelihoodScorer(model).scores("{passage} {0} %s", ["{question} {passage} {"])
    assert model.pairs[0][0].startswith("Passage: {question} {passage} {\nPlease")
    assert model.pairs[0][1] == " {passage} {0} %s"


@pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")
def test_the_default_generator_ranks_a_passage_that_answers_above_unrelated_ones() -> None:
    model = CausalLM(CausalLMGenerate(kind="causal_lm", model="smollm2-135m-instruct", dtype="float32"))
    answer = "The winter ferry to Skarn leaves at nine in the morning on weekdays."
    others = ["The cooperative lends up to 4,000 pounds for a heat pump.", "The turbine makes 4.2 megawatts."]
    scores = LikelihoodScorer(model).scores("When does the winter ferry leave?", [others[0], answer, others[1]])
    assert scores[1] == max(scores) < 0
    assert scores[1] > max(scores[0], scores[2]) + 0.5


def test_a_bi_encoder_gives_the_inner_products_and_embeds_no_passage_twice() -> None:
    embedder = WordEmbedder()
    scorer = BiEncoderScorer(embedder)
    passages = ["the ferry sails", "the turbine", "the ferry sails"]
    question = embedder.embed_question("a ferry")
    expected = [float(vector @ question) for vector in WordEmbedder().embed_passages(passages)]
    assert scorer.scores("a ferry", passages) == pytest.approx(expected)
    assert embedder.embedded == passages[:2]
    scorer.scores("a turbine", [*passages, "power"])
    assert embedder.embedded == [*passages[:2], "power"]
    assert scorer.scores("a ferry", []) == []


def test_a_bi_encoder_forgets_the_passages_used_longest_ago() -> None:
    embedder = WordEmbedder()
    scorer = BiEncoderScorer(embedder, remembered=2)
    assert len(scorer.scores("q", ["1", "2", "3", "4"])) == 4
    scorer.scores("q", ["3", "5", "3"])
    scorer.scores("q", ["3"])
    assert embedder.embedded == ["1", "2", "3", "4", "5"]
    scorer.scores("q", ["4"])
    assert embedder.embedded[5:] == ["4"]


NUMBERS = st.integers(-1000, 1000).map(lambda n: n / 100)
RANKED = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=12)


def hits_of(ranked: Sequence[tuple[float, float]]) -> list[Hit]:
    return [hit(f"passage {number}", start=number, score=first) for number, (first, _) in enumerate(ranked)]


@given(ranked=RANKED, weight=st.floats(0, 1))
def test_rescoring_permutes_the_hits_and_keeps_every_score(ranked: list[tuple[float, float]], weight: float) -> None:
    hits = hits_of(ranked)
    changed = rescore(hits, [score for _, score in ranked], weight)
    before = {h.chunk.id: (h.chunk, {**h.scores, "rerank": score}) for h, (_, score) in zip(hits, ranked, strict=True)}
    assert {h.chunk.id: (h.chunk, h.scores) for h in changed} == before
    assert [(-h.score, h.chunk.id) for h in changed] == sorted((-h.score, h.chunk.id) for h in changed)
    assert all(0 <= h.score <= 1 + 1e-9 for h in changed)
    assert all("rerank" not in h.scores for h in hits)


@given(ranked=RANKED)
def test_weight_0_keeps_the_first_order_and_weight_1_gives_the_rerankers(ranked: list[tuple[float, float]]) -> None:
    hits = hits_of(ranked)
    scores = [score for _, score in ranked]
    first = sorted(hits, key=lambda h: (-h.score, h.chunk.id))
    assert [h.chunk.id for h in rescore(hits, scores, 0.0)] == [h.chunk.id for h in first]
    by_reranker = sorted(zip(scores, hits, strict=True), key=lambda pair: (-pair[0], pair[1].chunk.id))
    assert [h.chunk.id for h in rescore(hits, scores, 1.0)] == [h.chunk.id for _, h in by_reranker]


def test_rescoring_mixes_both_scales_as_computed_by_hand() -> None:
    hits = [hit("a", start=1, score=0.8), hit("b", start=2, score=0.6), hit("c", start=3, score=0.4)]
    changed = rescore(hits, [-4.0, -1.0, -2.0], 0.75)
    assert [h.chunk.text for h in changed] == ["b", "c", "a"]
    assert [h.score for h in changed] == pytest.approx([0.75 + 0.125, 0.75 * 2 / 3, 0.25])
    assert changed[0].scores == {"dense": 0.6, "rerank": -1.0}


def test_equal_scores_are_all_1_and_no_hits_give_none() -> None:
    hits = [hit("a", start=2, score=0.5), hit("b", start=1, score=0.5)]
    assert [(h.chunk.text, h.score) for h in rescore(hits, [3.0, 3.0], 0.5)] == [("b", 1.0), ("a", 1.0)]
    assert rescore([], [], 0.5) == []


def test_scores_that_cannot_rank_are_an_error() -> None:
    with pytest.raises(UsageError, match="gave 1 scores for 2 passages"):
        rescore([hit("a"), hit("b", start=1)], [1.0], 0.5)
    with pytest.raises(UsageError, match="gave passage 1 the score nan"):
        rescore([hit("a"), hit("b", start=1)], [1.0, float("nan")], 0.5)
