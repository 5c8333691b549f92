"""The user's own settings: cache folder, offline mode, threads, profile, and the hosts that may get a key.

A setting comes from the first of these places that has it: the environment (`RAGQA_` and its name in capitals), the
file `.env` in the user's config folder, the file `settings.json` in this folder, the default. The config folder is
`$RAGQA_CONFIG`, or that of the platform. Neither a pipeline file nor a file in the working folder can change a setting,
since these may be untrusted. A `.env` in the working folder is not read: it could send keys to its author, or load
models of its author.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ragqa import outputs, threads
from ragqa.errors import UsageError
from ragqa.files import read_text
from ragqa.messages import requirement
from ragqa.origins import is_loopback, is_variable, origin

FILE = "settings.json"
ENV_FILE = ".env"
MAX_BYTES = 1_000_000
MASK = "********"
"""The text that is shown instead of a secret."""


class Settings(BaseSettings):
    """The user's settings, built by `load`."""

    model_config = SettingsConfigDict(env_prefix="RAGQA_", extra="forbid", frozen=True)

    cache: Path = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir("ragqa", appauthor=False)),
        description="The folder of models, of indexes of folders, and of runs.",
    )
    offline: bool = Field(False, description="Whether no connection is made: no model is pulled, no endpoint called.")
    threads: Annotated[int, Field(ge=1)] | None = Field(
        None, description="How many threads the numeric libraries start; none: one on each core."
    )
    profile: str = Field(
        "auto",
        description="The profile of folders: small, better, endpoint, a pipeline file, or auto: the best that runs.",
    )
    keys: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Environment variables that may be sent, each as NAME@ORIGIN; in the environment with commas."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Use only the values that `load` passes."""
        return (init_settings,)

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_the_default(cls, value: Any, info: Any) -> Any:
        return cls.model_fields[info.field_name].get_default(call_default_factory=True) if value == "" else value

    @field_validator("cache")
    @classmethod
    def _folder(cls, value: Path) -> Path:
        if "\0" in str(value):
            raise ValueError("must be the path of a folder")
        return Path(os.path.expanduser(value))

    @field_validator("keys", mode="before")
    @classmethod
    def _split_at_commas(cls, value: Any) -> Any:
        return value.replace(",", " ").split() if isinstance(value, str) else value

    @field_validator("keys")
    @classmethod
    def _name_at_origin(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_permission(*entry.partition("@")[::2]) for entry in value))

    def may_send(self, variable: str, url: str) -> bool:
        """Tell whether the key in a variable may be sent to an address: its origin is confirmed, or is loopback."""
        return is_loopback(url) or f"{variable}@{origin(url)}" in self.keys


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as it is shown: its value and its origin.

    :param value: the value for JSON; a secret is `MASK`, or None if it is not set.
    :param path: the file, if the origin is a file.
    """

    name: str
    value: Any
    origin: Literal["environment", "file", "default"]
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class _Source:
    """The settings of one place, before they are checked."""

    origin: Literal["environment", "file"]
    path: Path | None
    values: dict[str, Any]


def load() -> Settings:
    """Return the present settings.

    :raises UsageError: a file or the environment has an invalid setting.
    """
    return _merged(_sources())


def listing() -> tuple[Setting, ...]:
    """Return each setting with its value and its origin.

    :raises UsageError: as `load`.
    """
    sources = _sources()
    values = _merged(sources).model_dump(mode="json")
    return tuple(_shown(name, value, sources) for name, value in values.items())


def secrets() -> tuple[Setting, ...]:
    """Return the keys that may be sent: their environment variables, the masked values, and their origins.

    :raises UsageError: as `load`.
    """
    variables = dict.fromkeys(entry.partition("@")[0] for entry in load().keys)
    file_variables = _env_file(case_sensitive=True).env_vars
    places: tuple[_Source, ...] = (
        _Source("environment", None, dict(os.environ)),
        _Source("file", env_file(), {name: value for name, value in file_variables.items() if value}),
    )
    return tuple(_shown(name, MASK if key(name) else None, places) for name in variables)


def key(variable: str) -> str:
    """Return the key in an environment variable, else in the file `.env` of the config folder; empty if there is none.

    :raises UsageError: the file cannot be read.
    """
    value = os.environ.get(variable)
    return (value if value is not None else _env_file(case_sensitive=True).env_vars.get(variable) or "").strip()


def apply_threads() -> None:
    """Set the number of threads of the numeric libraries from the setting.

    It has no effect on libraries already loaded.

    :raises UsageError: as `load`.
    """
    threads.set_up(load().threads)


def file() -> Path:
    """Return the file of settings that `allow_key` writes."""
    return _folder() / FILE


def env_file() -> Path:
    """Return the file with environment variables for ragqa only."""
    return _folder() / ENV_FILE


def allow_key(variable: str, url: str) -> str:
    """Record in the file that the key in a variable may be sent to the origin of an address; return `NAME@ORIGIN`.

    :raises UsageError: the variable or the address is invalid, or the file cannot be written.
    """
    entry = _entry(variable, url)
    with _changing():
        before = _keys_in_file()
        _write({**_in_file(), "keys": [*before, *([] if entry in before else [entry])]})
    return entry


def forget_key(variable: str, url: str) -> bool:
    """Remove the record of `allow_key`; return whether there was one.

    :raises UsageError: as `allow_key`.
    """
    entry = _entry(variable, url)
    if entry not in _keys_in_file():
        return False
    with _changing():
        _write({**_in_file(), "keys": [other for other in _keys_in_file() if other != entry]})
    return True


def _folder() -> Path:
    """Return the config folder: `$RAGQA_CONFIG`, or that of the platform."""
    return Path(os.environ.get("RAGQA_CONFIG") or platformdirs.user_config_dir("ragqa", appauthor=False))


def _sources() -> tuple[_Source, ...]:
    """Return the places of settings in order of precedence: the first one that has a setting counts."""
    return (
        _Source("environment", None, EnvSettingsSource(Settings)()),
        _Source("file", env_file(), _beside(env_file(), _env_file()())),
        _Source("file", file(), _beside(file(), _in_file())),
    )


def _beside(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a file.

    A relative path is relative to the file's folder, not to the working folder.
    """
    paths = {name: value for name, value in values.items() if isinstance(value, str) and _is_path(name, value)}
    return values | {name: str(path.parent / os.path.expanduser(value)) for name, value in paths.items()}


def _is_path(name: str, value: str) -> bool:
    """Tell whether the value of a setting is a path; a profile is one where it has the suffix of a pipeline file."""
    return bool(value) and (name == "cache" or (name == "profile" and value.lower().endswith((".yaml", ".yml"))))


def _merged(sources: tuple[_Source, ...]) -> Settings:
    """Return the checked settings from several places.

    :raises UsageError: a place has an invalid setting; the message does not repeat its value.
    """
    values = {name: value for source in reversed(sources) for name, value in source.values.items()}
    try:
        return Settings(**values)
    except ValidationError as error:
        details = error.errors(include_input=False)
        raise UsageError("; ".join(_fault(detail, sources) for detail in details)) from None


def _first(name: str, sources: tuple[_Source, ...]) -> _Source | None:
    return next((source for source in sources if name in source.values), None)


def _shown(name: str, value: Any, sources: tuple[_Source, ...]) -> Setting:
    source = _first(name, sources)
    return Setting(name, value, source.origin, source.path) if source else Setting(name, value, "default")


def _fault(detail: Any, sources: tuple[_Source, ...]) -> str:
    """Return the fault of a setting and its place, without its value."""
    name = str(detail["loc"][0])
    source = _first(name, sources)
    path = source.path if source else None
    variable = f"RAGQA_{name.upper()}"
    if detail["type"] == "extra_forbidden":
        valid = (f"RAGQA_{field.upper()}" if path == env_file() else field for field in Settings.model_fields)
        return f"{path}: an unknown setting; valid: {', '.join(valid)}"
    where = variable if path is None else f"{path}: {variable if path == env_file() else name}"
    return f"{where}: {requirement(detail)}"


def _entry(variable: str, url: str) -> str:
    try:
        return _permission(variable, url)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _permission(variable: str, url: str) -> str:
    if not is_variable(variable):
        raise ValueError("a confirmed key is NAME@ORIGIN, NAME an environment variable, as OPENAI_API_KEY@https://host")
    try:
        return f"{variable}@{origin(url)}"
    except ValueError as error:
        raise ValueError(f"the address for {variable} {error}") from None


def _keys_in_file() -> tuple[str, ...]:
    """Return the keys that the file confirms, without those of the environment."""
    return _merged((_Source("file", file(), _in_file()),)).keys


def _in_file() -> dict[str, Any]:
    """Return the content of the file of settings; empty if there is no file."""
    path = file()
    text = _text(path)
    try:
        values = {} if text is None else json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise UsageError(f"{path}: must be one JSON object of settings; mend it, or remove it")
    return values


def _env_file(*, case_sensitive: bool = False) -> DotEnvSettingsSource:
    """Return the variables of `.env` in the config folder. Those that begin with RAGQA_ must be settings."""
    path = (
        env_file() if _text(env_file()) else None
    )  # checked here, since the library would wait for a pipe, and read a file of any size
    return DotEnvSettingsSource(Settings, path, dotenv_filtering="match_prefix", case_sensitive=case_sensitive)


def _text(path: Path) -> str | None:
    """Return the text of a file; None if there is no file.

    :raises UsageError: it cannot be read.
    """
    try:
        return read_text(path, MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


@contextmanager
def _changing() -> Iterator[None]:
    """Make the config folder, and lock it within the block, so that processes do not overwrite each other's changes.

    :raises UsageError: the folder cannot be written.
    :raises ResourceError: the disk is full.
    """
    with outputs.writing(file(), "folder (RAGQA_CONFIG)"):
        _folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        with outputs.locked(_folder()):
            yield


def _write(values: dict[str, Any]) -> None:
    """Replace the file of settings by a new one, which only this user can read."""
    outputs.replace(file(), (json.dumps(values, indent=2) + "\n").encode(), mode=0o600)
