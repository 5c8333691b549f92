"""Any order of adding, editing, renaming, removing, compacting, killing, reopening and damage against a plain dict."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import signal
import tempfile
from collections import Counter
from pathlib import Path
from typing import ClassVar
from unittest.mock import patch

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ragqa import points
from ragqa.index import doctor, seal, upkeep
from ragqa.index.reader import LocalReader
from ragqa.index.writer import LocalWriter
from ragqa.pipeline.ingest.maintenance import Maintenance
from ragqa.stages import CANARIES
from tests.torture import Trial
from tests.torture.kills import POINTS
from tests.torture.world import (
    EMBEDDER,
    IDENTITY,
    Texts,
    commit,
    embed_pending,
    make_text,
    publish,
    violations_of,
    write,
)

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])

SOURCES = st.sampled_from([f"{name}.txt" for name in "abcdefgh"])
TEXTS = st.integers(0, 9).map(lambda seed: f"{make_text(seed, 4)}\nthis line stands in every text")
_FOUND = 10


class IndexMachine(RuleBasedStateMachine):
    """An index, and the dict that it must equal after every step."""

    steps: ClassVar[int] = 0
    folder: ClassVar[Path]

    @initialize(text=TEXTS)
    def begin(self, text: str) -> None:
        """Make an index with one document."""
        self.place = Path(tempfile.mkdtemp(dir=self.folder))
        self.path = self.place / "index"
        self.texts: dict[str, str] = {}
        self._write({"a.txt": text})

    def _write(self, texts: Texts, removed: tuple[str, ...] = ()) -> None:
        self.texts = {**{source: text for source, text in self.texts.items() if source not in removed}, **texts}
        self.generation = write(self.path, texts, removed)

    @rule(source=SOURCES, text=TEXTS)
    def add_or_edit(self, source: str, text: str) -> None:
        """Give a source a text, which other sources may have too."""
        self._write({source: text})

    @rule(source=SOURCES, text=TEXTS)
    def publish(self, source: str, text: str) -> None:
        """Give a source a text whose vectors come later, if it has none."""
        self.texts[source] = text
        self.generation = publish(self.path, {source: text})

    @rule(n=st.integers(1, 9), batch=st.integers(1, 4))
    def embed(self, n: int, batch: int) -> None:
        """Embed some of what is pending."""
        self.generation = embed_pending(self.path, batch, n)

    @rule(old=SOURCES, new=SOURCES)
    def rename(self, old: str, new: str) -> None:
        """Give a document another name; nothing is embedded that has a vector."""
        if old in self.texts and new not in self.texts:
            with LocalWriter(self.path, None) as writer:
                before, pending = len(EMBEDDER.embedded), writer.pending(1000)
            self._write({new: self.texts[old]}, (old,))
            assert set(EMBEDDER.embedded[before:]) <= {*CANARIES, *pending}

    @rule(source=SOURCES)
    def remove(self, source: str) -> None:
        """Take a source away."""
        if source in self.texts and len(self.texts) > 1:
            self._write({}, (source,))

    @rule(setting=st.sampled_from(["flat", "hnsw"]))
    def maintain(self, setting: str) -> None:
        """Compact where that is due, and make a search structure."""
        with LocalWriter(self.path, None, search=setting) as writer:
            writer.maintain()
            self.generation = writer.generation

    @rule()
    def collect(self) -> None:
        """Drop all that is dead."""
        self.generation = Maintenance(self.path).collect().generation

    @rule(source=SOURCES)
    def purge(self, source: str) -> None:
        """Erase a document with all its sources; no file holds its text any more."""
        if len(set(self.texts.values())) < 2 or source not in self.texts:
            return
        text = self.texts[source]
        erased = Maintenance(self.path).purge([source])
        assert erased == sorted(s for s, t in self.texts.items() if t == text)
        self.texts = {s: t for s, t in self.texts.items() if t != text}
        with LocalReader(self.path, {}) as reader:
            self.generation = reader.generation
        line = text.splitlines()[0].encode()
        assert not any(line in file.read_bytes() for file in self.path.rglob("*") if file.is_file())

    @rule(source=SOURCES, text=TEXTS, point=st.sampled_from(POINTS), n=st.integers(1, 3))
    def kill(self, source: str, text: str, point: str, n: int) -> None:
        """Kill a writer at a named point: its commit is there or not, and nothing in between."""
        process = _CONTEXT.Process(target=_edit_and_die, args=(self.path, source, text, point, n))
        process.start()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
        with LocalReader(self.path, {}) as reader:
            assert reader.generation >= self.generation
            changed = reader.generation > self.generation
            self.generation = reader.generation
        if changed or process.exitcode == 0:
            self.texts[source] = text

    @rule(chosen=st.randoms(use_true_random=False))
    def corrupt_what_is_derived(self, chosen: object) -> None:
        """Damage the search structure, or take the seal away: answers stay right, and both are mended."""
        structures = sorted(self.path.glob("seg/*.ann"))
        if structures:
            content = bytearray(structures[0].read_bytes())
            content[chosen.randrange(len(content))] ^= 1  # type: ignore[attr-defined]
            structures[0].write_bytes(bytes(content))
            assert [fault.remedy for fault in doctor.check(self.path).faults] == ["rebuild"]
            self._compare()
            doctor.repair(self.path, doctor.check(self.path), lambda recorded: EMBEDDER)
        else:
            (self.path / "SEAL").unlink()
            self._compare()
            LocalWriter(self.path, IDENTITY).close()
        with LocalReader(self.path, {}) as reader:
            self.generation = reader.generation

    @invariant()
    def equals_the_dict(self) -> None:
        """Hold the same texts as the dict, sound in every byte, and find what brute force finds."""
        if hasattr(self, "path"):
            IndexMachine.steps += 1
            _, wrong = violations_of(self.path, {self.generation: self.texts})
            assert wrong == []
            self._compare()

    def _compare(self) -> None:
        question = EMBEDDER.embed_question("the ferry at the north quay 3 1")
        with LocalReader(self.path, {}) as reader:
            chunks = [chunk for id_ in set(reader.sources().values()) for chunk in reader.chunks(id_)]
            pending = set(reader.missing(chunks))
            lines = [line for text in set(self.texts.values()) for line in text.splitlines() if line not in pending]
            scores = np.sort(EMBEDDER.embed_passages(lines) @ question)[::-1][:_FOUND]
            found = reader.dense(question, _FOUND)
            hits = reader.hits([(chunk_id, score, {}) for chunk_id, score in found])
        np.testing.assert_allclose([score for _, score in found], scores, atol=1e-5)
        for hit in hits:
            assert self.texts[hit.source][hit.chunk.start : hit.chunk.end] == hit.chunk.text

    def teardown(self) -> None:
        """Remove the folder."""
        if hasattr(self, "place"):
            shutil.rmtree(self.place)


def _edit_and_die(path: Path, source: str, text: str, last: str, n: int) -> None:
    counts: Counter[str] = Counter()

    def reached(point: str) -> None:
        counts[point] += 1
        if point == last and counts[point] == n:
            os.kill(os.getpid(), signal.SIGKILL)

    points.reached = reached
    with LocalWriter(path, IDENTITY) as writer:
        commit(writer, {source: text})


def run(folder: Path, examples: int = 300, steps: int = 30) -> Trial:
    """Run the machine; a difference raises, with the shortest way to it."""
    folder.mkdir()
    IndexMachine.steps, IndexMachine.folder = 0, folder
    chosen = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), derandomize=True,
    )  # fmt: skip
    logging.disable(logging.WARNING)  # each damaged search structure is warned of
    try:
        # nobody is about to seal; small indexes have search structures and are compacted
        with patch.object(seal, "PATIENCE", 0.0), patch.multiple(upkeep, LEAST_VECTORS=12, MOST_SEGMENTS=4):
            run_state_machine_as_test(IndexMachine, settings=chosen)
    finally:
        logging.disable(logging.NOTSET)
    return Trial("state machine against a dict", examples, [], f"{IndexMachine.steps} states compared")
