"""Every index that a release wrote must be opened by the later ones: tests/index/golden has one of each format.

`python -m tests.index.test_golden` writes the one of this format; a file that is there is not written over.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from ragqa.errors import IndexFormatError
from ragqa.index import doctor
from ragqa.index.connection import FORMAT_VERSION
from ragqa.index.reader import LocalReader
from ragqa.index.writer import LocalWriter
from ragqa.stages import CANARIES
from tests.torture.world import EMBEDDER, snapshot, write

GOLDEN = Path(__file__).parent / "golden"
TEXTS = {
    "ferry.txt": "The ferry leaves at noon.\nIt comes back at four.",
    "päge.txt": "Die Fähre fährt um zwölf.\n渡し船は正午に出る。",
    "turbine.txt": "The turbine turns.\nThe wind is strong.",
}
SAID = {
    "ferry at noon": ("ferry.txt", "The ferry leaves at noon.", 0.7751, 3.1903),
    "turbine turns": ("turbine.txt", "The turbine turns.", 0.8169, 3.6372),
}
"""By question: the best passage by either search, its inner product and its BM25, in which names of files count."""


@pytest.fixture(params=sorted(GOLDEN.glob("format-*.zip")), ids=lambda file: file.stem)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with zipfile.ZipFile(request.param) as archive:
        archive.extractall(tmp_path)
    if request.param.stem != f"format-{FORMAT_VERSION}":
        with pytest.raises(IndexFormatError, match=r"has format \d; .*run `ragqa index FILE` to bring it up to date"):
            LocalReader(tmp_path, EMBEDDER.identity)
        LocalWriter(tmp_path, EMBEDDER.identity).close()
    return tmp_path


def test_there_is_a_golden_index_of_this_format_and_it_is_small() -> None:
    file = GOLDEN / f"format-{FORMAT_VERSION}.zip"
    assert 1000 < file.stat().st_size < 50_000


def test_a_golden_index_is_sound_and_holds_its_texts(golden: Path) -> None:
    found = doctor.check(golden)
    assert (found.faults, found.notes, found.documents, found.chunks) == ((), (), 3, 6)
    assert list(snapshot(golden).values()) == [TEXTS]


def test_a_golden_index_answers_as_it_did_when_it_was_written(golden: Path) -> None:
    with LocalReader(golden, EMBEDDER.identity) as reader:
        reader.check_embedder(EMBEDDER.embed_passages(CANARIES))
        assert reader.snapshot.store.ann is not None
        for question, (source, text, product, bm25) in SAID.items():
            (chunk_id, dense), *_ = reader.dense(EMBEDDER.embed_question(question), 1)
            ((found, lexical),) = reader.lexical(question, 1)
            assert found == chunk_id and lexical == pytest.approx(bm25, abs=1e-3)
            (hit,) = reader.hits([(chunk_id, dense, {})])
            assert (hit.source, hit.chunk.text) == (source, text)
            assert dense == pytest.approx(product, abs=1e-3)


def test_a_golden_index_can_be_written_on(golden: Path) -> None:
    write(golden, {"new.txt": "A new buoy."}, ["ferry.txt"])
    ((_, texts),) = snapshot(golden).items()
    assert sorted(texts) == ["new.txt", "päge.txt", "turbine.txt"]
    assert doctor.check(golden).faults == ()


def make() -> Path:
    """Write the golden index of this format, where there is none."""
    file = GOLDEN / f"format-{FORMAT_VERSION}.zip"
    if file.exists():
        raise FileExistsError(f"{file} was written by a release: it stays as it is")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        for source, text in TEXTS.items():
            write(path, {source: text})
        with LocalWriter(path, None, search="hnsw") as writer:
            writer.maintain()
        GOLDEN.mkdir(exist_ok=True)
        with zipfile.ZipFile(file, "x", zipfile.ZIP_DEFLATED) as archive:
            for each in sorted(path.rglob("*")):
                if (each.is_file() and each.name in ("ragqa.db", "SEAL")) or each.parent.name == "seg":
                    archive.write(each, each.relative_to(path))
    return file


if __name__ == "__main__":
    sys.stdout.write(f"{make()}\n")
