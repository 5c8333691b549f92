"""The user's own settings: where they come from, and what no pipeline file or folder can change."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ragqa import models, settings
from ragqa.errors import ResourceError, UsageError
from tests import ROOT
from tests.commands import ragqa

OPENAI = "OPENAI_API_KEY@https://api.openai.com"


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("RAGQA_KEYS", "RAGQA_CACHE", "RAGQA_OFFLINE", "RAGQA_THREADS", "RAGQA_PROFILE", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAGQA_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config"


def origins() -> dict[str, str]:
    return {setting.name: setting.origin for setting in settings.listing()}


def write_env(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / ".env").write_text(text, encoding="utf-8")
    return folder / ".env"


def test_without_any_setting_a_key_goes_to_this_machine_alone() -> None:
    assert settings.load().keys == ()
    assert origins() == dict.fromkeys(("cache", "offline", "threads", "profile", "keys"), "default")
    assert settings.load().may_send("ANY", "http://127.0.0.1:8000/v1")
    assert not settings.load().may_send("ANY", "https://api.openai.com/v1")


def test_a_confirmed_key_goes_to_that_origin_alone_whatever_the_path() -> None:
    assert settings.allow_key("OPENAI_API_KEY", "https://API.openai.com:443/v1") == OPENAI
    known = settings.load()
    assert known.may_send("OPENAI_API_KEY", "https://api.openai.com/another/path")
    for variable, url in [
        ("OTHER_KEY", "https://api.openai.com/v1"),
        ("openai_api_key", "https://api.openai.com/v1"),
        ("OPENAI_API_KEY", "http://api.openai.com/v1"),
        ("OPENAI_API_KEY", "https://api.openai.com:8443/v1"),
        ("OPENAI_API_KEY", "https://api.openai.com.evil.com/v1"),
        ("OPENAI_API_KEY", "https://api.openai.com@evil.com/v1"),
        ("OPENAI_API_KEY", "https://openai.com/v1"),
    ]:
        assert not known.may_send(variable, url)


def test_the_file_is_for_its_user_alone_and_whole_at_any_time(config: Path) -> None:
    settings.allow_key("A", "http://a")
    settings.allow_key("B", "http://b")
    settings.allow_key("A", "http://a")
    assert [file.name for file in config.iterdir()] == ["settings.json"]
    assert stat.S_IMODE((config / "settings.json").stat().st_mode) == 0o600
    assert json.loads((config / "settings.json").read_text("utf-8")) == {"keys": ["A@http://a", "B@http://b"]}
    assert settings.forget_key("A", "http://a/v1") and not settings.forget_key("A", "http://a")
    assert settings.load().keys == ("B@http://b",)


def test_keys_that_are_confirmed_at_once_are_all_kept() -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: settings.allow_key(f"KEY_{n}", "https://host.test"), range(20)))
    assert all(settings.load().may_send(f"KEY_{n}", "https://host.test") for n in range(20))


def test_a_write_that_fails_leaves_nothing_behind(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.allow_key("KEY", "https://host.test")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match="No space left"):
        settings.allow_key("OTHER", "https://host.test")
    assert [path.name for path in config.iterdir()] == [settings.FILE]


def test_the_environment_counts_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    settings.allow_key("A", "http://a")
    assert origins()["keys"] == "file"
    monkeypatch.setenv("RAGQA_KEYS", f"{OPENAI}, B@http://b:80")
    assert settings.load().keys == (OPENAI, "B@http://b")
    assert origins()["keys"] == "environment"
    monkeypatch.setenv("RAGQA_KEYS", "")
    assert settings.load().keys == ()


def test_no_file_in_the_working_folder_sets_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = settings.load()
    place = tmp_path / "stranger"
    write_env(
        place,
        f"RAGQA_KEYS={OPENAI}\nRAGQA_CACHE={place}\nRAGQA_OFFLINE=1\nRAGQA_CONFIG={place}\nOPENAI_API_KEY=sk-0815\n",
    )
    (place / "settings.json").write_text(json.dumps({"keys": [OPENAI], "cache": str(place)}), encoding="utf-8")
    monkeypatch.chdir(place)
    assert settings.load() == before and settings.key("OPENAI_API_KEY") == "" and models.cache_dir() != place
    shown = ragqa("settings", "--json", cwd=place)
    assert all(row["origin"] != "file" for row in shown.said["settings"].values()) and "0815" not in shown.out
    assert (
        f".env in this folder is not read, since anybody may have written it; yours is {place / 'config'}" in shown.err
    )


def test_the_environment_counts_before_env_and_env_before_the_file(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_env(
        config, f"# for ragqa\nRAGQA_THREADS=3\nRAGQA_OFFLINE=1\nexport RAGQA_CACHE='{tmp_path}/env'\nOTHER=1\n"
    )
    written = {"threads": 5, "offline": False, "cache": str(tmp_path / "json"), "keys": ["A@http://a"]}
    (config / "settings.json").write_text(json.dumps(written), encoding="utf-8")
    monkeypatch.setenv("RAGQA_CACHE", str(tmp_path / "environment"))
    values = {setting.name: (setting.value, setting.origin, setting.path) for setting in settings.listing()}
    assert values == {
        "cache": (str(tmp_path / "environment"), "environment", None),
        "offline": (True, "file", file),
        "threads": (3, "file", file),
        "profile": ("auto", "default", None),
        "keys": (["A@http://a"], "file", config / "settings.json"),
    }
    assert models.offline() and models.cache_dir() == tmp_path / "environment"
    monkeypatch.setenv("RAGQA_OFFLINE", "0")
    assert not models.offline()


@pytest.mark.parametrize("name", ["RAGQA_CACHE", "RAGQA_OFFLINE", "RAGQA_THREADS"])
def test_an_empty_variable_is_the_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = settings.load()
    monkeypatch.setenv(name, "")
    assert settings.load() == before


def test_a_cache_of_a_file_is_never_in_the_working_folder(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for text, cache in [("models", config / "models"), ("~/models", tmp_path / "models"), ("/models", Path("/models"))]:
        write_env(config, f"RAGQA_CACHE={text}\n")
        assert settings.load().cache == cache
        (config / ".env").unlink()
        (config / "settings.json").write_text(json.dumps({"cache": text}), encoding="utf-8")
        assert settings.load().cache == cache
        (config / "settings.json").unlink()


def test_a_key_is_taken_from_the_environment_else_from_env_and_shown_masked(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.allow_key("OPENAI_API_KEY", "https://api.openai.com")
    settings.allow_key("OTHER", "https://other.test")
    assert settings.key("OPENAI_API_KEY") == "" and settings.secrets()[0].value is None
    file = write_env(config, "OPENAI_API_KEY=sk-0815\nopenai_api_key=sk-4711\n")
    assert settings.key("OPENAI_API_KEY") == "sk-0815"
    shown = {"value": "********", "origin": "file", "path": str(file)}
    done = ragqa("settings", "--json", cwd=config.parent)
    assert done.said["secrets"] == {
        "OPENAI_API_KEY": shown,
        "OTHER": {"value": None, "origin": "default", "path": None},
    }
    monkeypatch.setenv("OPENAI_API_KEY", " sk-0816 ")
    assert settings.key("OPENAI_API_KEY") == "sk-0816"
    text = ragqa("settings", cwd=config.parent).out
    assert "OPENAI_API_KEY (environment): ********\n" in text and "OTHER (default): none\n" in text
    assert "081" not in text + done.out + str(settings.listing()) + str(settings.secrets())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "RAGQA_OFLINE=1",
            "an unknown setting; valid: RAGQA_CACHE, RAGQA_OFFLINE, RAGQA_THREADS, RAGQA_PROFILE, RAGQA_KEYS",
        ),
        ("RAGQA_THREADS=0", "RAGQA_THREADS: must be greater than or equal to 1"),
        ("RAGQA_OFFLINE=sk-0815", "RAGQA_OFFLINE: must be a valid boolean"),
        ("RAGQA_KEYS=A@sk-0815", "RAGQA_KEYS: the address for A must begin with http://"),
    ],
)
def test_an_env_file_that_holds_no_setting_is_named_and_not_quoted(config: Path, text: str, message: str) -> None:
    file = write_env(config, text)
    with pytest.raises(UsageError) as caught:
        settings.load()
    assert str(file) in str(caught.value) and message in str(caught.value) and "0815" not in str(caught.value)


def test_an_env_file_that_is_a_pipe_is_refused_and_not_waited_for(config: Path) -> None:
    config.mkdir()
    os.mkfifo(config / ".env")
    for use in (settings.load, lambda: settings.key("OPENAI_API_KEY")):
        with pytest.raises(UsageError, match=r"\.env: cannot be read: not a regular file"):
            use()


@pytest.mark.parametrize(
    ("environment", "threads"),
    [({}, None), ({"RAGQA_THREADS": "1"}, "1"), ({"RAGQA_THREADS": "1", "OMP_NUM_THREADS": "2"}, "2")],
    ids=str,
)
def test_threads_are_those_of_the_setting_unless_openmp_is_told_otherwise(
    environment: dict[str, str], threads: str | None, tmp_path: Path
) -> None:
    others = {name: value for name, value in os.environ.items() if name not in ("OMP_NUM_THREADS", "RAGQA_THREADS")}
    script = "import os, ragqa; ragqa.Pipeline.from_folder('.'); print(os.environ.get('OMP_NUM_THREADS'))"
    command = [sys.executable, "-c", script]
    environment = others | {"PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(threads)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be one JSON object"),
        ("[]", "must be one JSON object"),
        ("[" * 100_000, "must be one JSON object"),
        ("", "must be one JSON object"),
        ('{"keyz": ["sk-0815"]}', "an unknown setting; valid: cache, offline, threads, profile, keys"),
        ('{"cache": "\\u0000"}', "cache: must be the path of a folder"),
        ('{"threads": -815}', "threads: must be greater than or equal to 1"),
        ('{"keys": 5}', "keys: must be a valid tuple"),
        ('{"keys": [815]}', "keys: must be a valid string"),
        ('{"keys": ["sk-0815"]}', "keys: a confirmed key is NAME@ORIGIN"),
        ('{"keys": ["A@sk-0815"]}', "the address for A must begin with http://"),
    ],
)
def test_a_file_that_is_no_settings_is_named_and_not_quoted(config: Path, text: str, message: str) -> None:
    config.mkdir()
    (config / "settings.json").write_text(text, encoding="utf-8")
    for use in (settings.load, lambda: settings.allow_key("A", "http://a")):
        with pytest.raises(UsageError) as caught:
            use()
        assert str(config / "settings.json") in str(caught.value) and message in str(caught.value)
        assert "0815" not in str(caught.value) and "815" not in str(caught.value)
    assert (config / "settings.json").read_text("utf-8") == text


def test_a_file_that_cannot_be_read_or_written_is_named(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.mkdir()
    (config / "settings.json").mkdir()
    with pytest.raises(UsageError, match="cannot be read: not a regular file"):
        settings.load()
    (config / "settings.json").rmdir()
    monkeypatch.setenv("RAGQA_CONFIG", "/proc/self/nothing")
    with pytest.raises((UsageError, ResourceError), match=r"/proc/self/nothing/settings\.json: .*RAGQA_CONFIG"):
        settings.allow_key("A", "http://a")


def test_the_command_prints_each_setting_with_its_origin_and_changes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(tmp_path / "config" / "settings.json")
    assert ragqa("settings", cwd=tmp_path).out == (
        f"file: {file}\ncache (environment): {tmp_path / 'cache'}\noffline (default): no\nthreads (default): none\n"
        "profile (default): auto\nkeys (default): none\n"
    )
    allowed = ragqa("settings", "allow-key", "OPENAI_API_KEY", "https://api.openai.com/v1", "--json", cwd=tmp_path)
    assert allowed.said == {"allowed": OPENAI, "file": file}
    shown = ragqa("settings", "--json", cwd=tmp_path).said
    assert shown["file"] == file and shown["settings"] == {
        "cache": {"value": str(tmp_path / "cache"), "origin": "environment", "path": None},
        "offline": {"value": False, "origin": "default", "path": None},
        "threads": {"value": None, "origin": "default", "path": None},
        "profile": {"value": "auto", "origin": "default", "path": None},
        "keys": {"value": [OPENAI], "origin": "file", "path": file},
    }
    monkeypatch.setenv("RAGQA_KEYS", "A@http://a")
    assert "keys (environment): A@http://a" in ragqa("settings", cwd=tmp_path).out
    hidden = ragqa("settings", "forget-key", "OPENAI_API_KEY", "https://api.openai.com", "--json", cwd=tmp_path)
    assert hidden.said["forgotten"] is True and "RAGQA_KEYS is set in the environment" in hidden.err
    monkeypatch.delenv("RAGQA_KEYS")
    assert ragqa("settings", "--json", cwd=tmp_path).said["settings"]["keys"]["value"] == []


@pytest.mark.parametrize("arguments", [("sk-0815", "https://a.org"), ("A", "a.org"), ("A", "https://a.org?x=0815")])
def test_what_is_no_variable_or_no_address_is_refused_and_not_repeated(
    tmp_path: Path, arguments: tuple[str, str]
) -> None:
    done = ragqa("settings", "allow-key", *arguments, cwd=tmp_path)
    assert done.code == 2 and len(done.err.splitlines()) == 1 and "0815" not in done.err
    assert not (tmp_path / "config").exists()
