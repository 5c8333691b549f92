"""Profiles: the best one that this machine can run is chosen, the reason is told, and the user can choose instead."""

from __future__ import annotations

import io
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ragqa import Pipeline, load_config, models, profiles
from ragqa.errors import UsageError
from ragqa.profiles import FIGURES, NAMES, choose, read_profile
from tests import ROOT
from tests.commands import fill, ragqa

offline = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")
ASKED = "Who commands the ferry Morwen?"
FAKES = (
    "--set",
    "embed.kind=words",
    "--set",
    "prompt.template=qa",
    "--set",
    "generate.kind=scripted",
    "--set",
    "prompt.min_confidence=0",
)


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAGQA_PROFILE")
    monkeypatch.setenv("RAGQA_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("RAGQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{ASKED}\n"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return fill(tmp_path)


@pytest.fixture
def pulled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every model counted as pulled."""
    card = models.card
    monkeypatch.setattr(models, "card", lambda *named: replace(card(*named), installed=True))


def sections(file: Path) -> dict[str, object]:
    """Return the settings of a pipeline file without documents, index and questions."""
    return {
        key: value for key, value in load_config(file).resolved().items() if key not in ("load", "index", "evaluate")
    }


# The files


@pytest.mark.parametrize(
    ("profile", "example"), [("small", "quickstart"), ("better", "better"), ("endpoint", "openai")]
)
def test_the_example_of_a_profile_has_its_settings(profile: str, example: str) -> None:
    assert sections(read_profile(profile).file) == sections(ROOT / "pipelines" / f"{example}.yaml")


def test_the_readme_shows_the_quickstart() -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert yaml.safe_load(block) == yaml.safe_load((ROOT / "pipelines" / "quickstart.yaml").read_text("utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_the_file_of_a_profile_explains_each_section(name: str) -> None:
    lines = read_profile(name).file.read_text("utf-8").splitlines()
    keys = [
        number
        for number, line in enumerate(lines)
        if re.match("(load|split|embed|index|retrieve|prompt|generate):", line)
    ]
    assert len(keys) == 7 and all(lines[number - 1].startswith("# ") for number in keys)


def test_the_models_that_are_pulled_without_a_name_are_those_of_the_smallest_profile() -> None:
    assert [card.name for card in read_profile("small").cards] == list(models.DEFAULTS)


def test_the_figures_are_those_of_the_results() -> None:
    results = (ROOT / "benchmarks" / "RESULTS.md").read_text("utf-8")
    needs = (ROOT / "pipelines" / "README.md").read_text("utf-8")
    for figures in FIGURES.values():
        assert f"{figures.right / figures.asked:.3f}" in results
        assert f"{figures.memory / 1e9:g} GB of memory" in needs


# What is chosen


def test_without_the_stronger_models_the_smallest_is_chosen_and_what_they_would_bring_is_told() -> None:
    choice = choose()
    assert choice.name == "small" and "\n" not in str(choice)
    for fact in ("`ragqa models pull better`", "are not pulled", "to download", "of memory", "s an answer", "right on"):
        assert fact in choice.reason
    assert str(FIGURES["better"].right) in choice.reason and str(FIGURES["small"].right) in choice.reason


def test_with_the_stronger_models_the_better_one_is_chosen(pulled: None) -> None:
    pytest.importorskip("xllamacpp")
    if profiles.obstacle(read_profile("better")):
        pytest.skip("this machine has too little memory or too few cores at the moment")
    choice = choose()
    assert (choice.name, choice.file.name) == ("better", "better.yaml")
    assert "its models are here" in choice.reason and "`--profile small`" in choice.reason


def test_a_missing_extra_is_named_with_its_command(pulled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    if (hindrance := profiles.obstacle(read_profile("better"))) and hindrance.kind == "machine":
        pytest.skip("this machine has too little memory or too few cores at the moment")
    choice = choose()
    assert choice.name == "small" and "pip install 'ragqa[llama-cpp]'" in choice.reason and "pull" not in choice.reason


def too_little_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))


def one_core() -> None:
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (too_little_memory, r"small better needs 4\.0 GB of memory, \d\.\d GB are free$"),
        pytest.param(
            one_core,
            r"small better needs 2 cores .*, and may use 1$",
            marks=pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a system that binds to cores"),
        ),
    ],
)
def test_what_the_machine_cannot_run_is_not_recommended(limit: Callable[[], None], said: str) -> None:
    script = "from ragqa.profiles import choose; c = choose(); print(c.name, c.reason)"
    done = subprocess.run([sys.executable, "-c", script], preexec_fn=limit, capture_output=True, text=True, check=True)
    assert re.match(said, done.stdout.strip())


# What the user chooses


def test_what_is_asked_for_counts_before_the_setting_and_the_setting_before_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose("better") == profiles.Choice("better", read_profile("better").file, "asked for")
    monkeypatch.setenv("RAGQA_PROFILE", "better")
    assert str(choose()) == "profile better: set by RAGQA_PROFILE"
    assert choose("small").name == "small"
    assert "models pull better" in choose("auto").reason
    monkeypatch.delenv("RAGQA_PROFILE")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings.json").write_text('{"profile": "mine.yaml"}', encoding="utf-8")
    with pytest.raises(UsageError, match=r"no such file: .*/config/mine\.yaml"):
        choose()
    (tmp_path / "config" / "mine.yaml").write_text("version: 1\n", encoding="utf-8")
    choice = choose()
    assert Path(choice.name) == choice.file == tmp_path / "config" / "mine.yaml"
    assert choice.reason == f"set by {tmp_path}/config/settings.json"


def test_the_profile_of_an_endpoint_says_how_its_address_is_given() -> None:
    assert "--set generate.base_url=URL" in choose("endpoint").reason


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("beter", "did you mean better"),
        ("", "valid: auto, small, better, endpoint"),
        ("no.yaml", "no such file: no.yaml"),
    ],
)
def test_a_profile_that_is_not_there_is_refused_with_those_that_are(wanted: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        choose(wanted)
    with pytest.raises(UsageError, match="profile: got int"):
        choose(5)  # type: ignore[arg-type]


# The index


def test_each_embedder_and_splitter_has_an_index_of_its_own_in_the_cache(place: Path) -> None:
    def index(profile: str, *overrides: str) -> Path:
        return Path(Pipeline.from_folder(place / "documents", overrides, profile).components.index.location)

    small = index("small")
    assert small == index("small", "retrieve.top_k=3") == index("small", "embed.dtype=float32")
    assert small == index("endpoint"), "the same embedder and splitter"
    assert small != index("small", "split.chunk_size=100") and small != index("small", "embed.model=all-mpnet-base-v2")
    same_embedder = read_profile("small").cards[0] == read_profile("better").cards[0]
    assert (small == index("better")) is same_embedder
    assert {small.parent} == {index("better").parent} == {place / "cache" / "folders"}


def test_another_embedder_does_not_meet_the_index_of_the_first(place: Path) -> None:
    for weights in ("one", "two", "one"):
        done = ragqa("ask", "documents", ASKED, *FAKES, "--set", f"embed.weights={weights}", "--json", cwd=place)
        assert (done.code, done.said["citations"][0]["source"]) == (0, "ferry.md"), done.err
    assert len(list((place / "cache" / "folders").iterdir())) == 2


# The commands


@pytest.mark.parametrize("command", [["ask"], ["chat"], ["search"], ["index"], ["plan"], ["check"]], ids=" ".join)
def test_a_command_over_a_folder_says_once_which_profile_it_takes(place: Path, command: list[str]) -> None:
    question = [ASKED] if command[0] in ("ask", "search") else []
    done = ragqa(*command, "documents", *question, *([] if command == ["check"] else FAKES), cwd=place)
    assert done.code == 0, done.err
    assert done.err.count("profile small: ") == 1 and "ragqa models pull better" in done.err
    assert "profile" not in ragqa("plan", "pipeline.yaml", cwd=place).err


@pytest.mark.parametrize("command", ["ask", "chat", "index", "init", "search"])
def test_a_profile_is_chosen_for_one_command(place: Path, command: str) -> None:
    question = [ASKED] if command in ("ask", "search") else []
    fakes = [] if command == "init" else FAKES
    done = ragqa(command, "documents", *question, *fakes, "--profile", "endpoint", cwd=place)
    assert (done.code, "profile endpoint: asked for" in done.err) == (0, True), done.err
    wrong = ragqa(command, "documents", *question, *fakes, "--profile", "bigger", cwd=place)
    assert wrong.code == 2 and "valid: auto, small, better, endpoint" in wrong.err
    if command != "init":
        given = ragqa(command, "pipeline.yaml", *question, "--profile", "small", cwd=place)
        assert given.code == 2 and "--profile goes with a folder" in given.err


def test_init_says_which_profile_it_wrote(place: Path) -> None:
    done = ragqa("init", "documents", "--profile", "better", "--json", cwd=place)
    assert (done.said["profile"], "profile better: asked for" in done.err) == ("better", True)
    assert load_config(place / "ragqa.yaml").generate.kind == "llama_cpp"


def test_the_profiles_are_listed_with_what_they_need_and_which_one_is_taken(place: Path) -> None:
    said = ragqa("models", "list", "--json", cwd=place).said
    assert [profile["name"] for profile in said["profiles"]] == list(NAMES)
    small, better, endpoint = said["profiles"]
    assert small["models"] == list(models.DEFAULTS) and better["extra"] == "llama-cpp" and endpoint["figures"] is None
    assert better["figures"]["right"] == FIGURES["better"].right and "models pull better" in better["obstacle"]
    assert said["profile"]["name"] == "small"
    lines = ragqa("models", "list", cwd=place).out.splitlines()
    assert [line.split()[0] for line in lines[-4:]] == [*NAMES, "profile"]


@offline
def test_a_profile_is_pulled_whole(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    kept = models.cache_dir() / "models"
    (place / "cache").mkdir()
    (place / "cache" / "models").symlink_to(kept)
    done = ragqa("models", "pull", "small", "all-minilm-l6-v2", "--json", cwd=place)
    assert [model["name"] for model in done.said["models"]] == list(models.DEFAULTS)


def test_pulling_a_profile_says_which_extra_is_missing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    pulled: list[str] = []

    def pull(name: str, *_: object, **__: object) -> Path:
        pulled.append(name)
        return place

    monkeypatch.setattr(models, "pull", pull)
    done = ragqa("models", "pull", "endpoint", cwd=place)
    assert pulled == ["all-minilm-l6-v2"] and "pip install 'ragqa[openai]'" in done.err


def test_a_profile_with_a_mistake_is_reported_with_its_place(place: Path) -> None:
    text = read_profile("small").file.read_text("utf-8").replace("chunk_size", "chunk_sise")
    (place / "mine.yaml").write_text(text, encoding="utf-8")
    done = ragqa("ask", "documents", ASKED, "--profile", "mine.yaml", cwd=place)
    assert done.code == 2 and re.search(r"mine\.yaml:\d+:\d+: .*chunk_sise", done.err)
