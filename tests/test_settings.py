"""The user's own settings: where they come from, and what no pipeline file or folder can change."""

from __future__ import annotations

import errno
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ragqa import settings
from ragqa.errors import ResourceError, UsageError
from tests.commands import ragqa

OPENAI = "OPENAI_API_KEY@https://api.openai.com"


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("RAGQA_KEYS", raising=False)
    monkeypatch.setenv("RAGQA_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config"


def test_without_any_setting_a_key_goes_to_this_machine_alone() -> None:
    assert settings.load().keys == ()
    assert settings.sources() == {"keys": "default"}
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
    assert settings.sources() == {"keys": "file"}
    monkeypatch.setenv("RAGQA_KEYS", f"{OPENAI}, B@http://b:80")
    assert settings.load().keys == (OPENAI, "B@http://b")
    assert settings.sources() == {"keys": "environment"}
    monkeypatch.setenv("RAGQA_KEYS", "")
    assert settings.load().keys == ()


def test_no_file_in_the_working_folder_sets_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"RAGQA_KEYS={OPENAI}\nKEYS={OPENAI}\n", encoding="utf-8")
    (tmp_path / "settings.json").write_text(json.dumps({"keys": [OPENAI]}), encoding="utf-8")
    assert settings.load().keys == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be one JSON object"),
        ("[]", "must be one JSON object"),
        ("[" * 100_000, "must be one JSON object"),
        ('{"keyz": ["sk-0815"]}', "an unknown setting; valid: keys"),
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
    with pytest.raises((UsageError, ResourceError), match=r"/proc/self/nothing/settings\.json: cannot be written"):
        settings.allow_key("A", "http://a")


def test_the_command_prints_each_setting_with_its_origin_and_changes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(tmp_path / "config" / "settings.json")
    assert ragqa("settings", cwd=tmp_path).out == f"file: {file}\nkeys (default): none\n"
    allowed = ragqa("settings", "allow-key", "OPENAI_API_KEY", "https://api.openai.com/v1", "--json", cwd=tmp_path)
    assert allowed.said == {"allowed": OPENAI, "file": file}
    shown = ragqa("settings", "--json", cwd=tmp_path).said
    assert shown == {"file": file, "settings": {"keys": {"value": [OPENAI], "origin": "file"}}}
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
