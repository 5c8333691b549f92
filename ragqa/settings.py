"""The user's own settings: from the environment, else from one file in the user's config folder.

No pipeline file sets one, and no file in the working folder: what a stranger wrote may lie there.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ragqa import outputs
from ragqa.errors import ResourceError, UsageError
from ragqa.files import read_text
from ragqa.origins import is_loopback, is_variable, origin

_T = TypeVar("_T")

FILE = "settings.json"
MAX_BYTES = 1_000_000


class _Values(BaseModel):
    """The settings that there are, wherever they come from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Environment variables that may be sent, each as NAME@ORIGIN; in the environment with commas."
    )

    @field_validator("keys", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return value.replace(",", " ").split() if isinstance(value, str) else value

    @field_validator("keys")
    @classmethod
    def _confirmed(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_permission(*entry.partition("@")[::2]) for entry in value))

    def may_send(self, variable: str, url: str) -> bool:
        """Tell whether the key in an environment variable may go to the origin of an address: confirmed, or loopback."""
        return is_loopback(url) or f"{variable}@{origin(url)}" in self.keys


class Settings(_Values, BaseSettings):
    """What the user has set, each from the first of its sources that has it. Build it by `load`."""

    model_config = SettingsConfigDict(env_prefix="RAGQA_")

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *_: PydanticBaseSettingsSource, **__: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where values come from, the first one wins."""
        return EnvSettingsSource(settings_cls), InitSettingsSource(settings_cls, _in_file())


def load() -> Settings:
    """Return the settings as they are now.

    :raises UsageError: the file or the environment holds something else than settings.
    """
    return _checked(Settings, EnvSettingsSource(Settings)())


def sources() -> dict[str, str]:
    """Return where each setting comes from: `environment`, `file` or `default`."""
    found = {"file": _in_file(), "environment": EnvSettingsSource(Settings)()}
    return {
        name: next((source for source in ("environment", "file") if name in found[source]), "default")
        for name in Settings.model_fields
    }


def file() -> Path:
    """Return the file of settings, in `$RAGQA_CONFIG` or the platform's config folder of the user."""
    override = os.environ.get("RAGQA_CONFIG")
    return Path(override or platformdirs.user_config_dir("ragqa", appauthor=False)) / FILE


def allow_key(variable: str, url: str) -> str:
    """Write into the file that the key in a variable may go to the origin of an address; return `NAME@ORIGIN`.

    :raises UsageError: one of both is not what it should be, or the file cannot be written.
    """
    entry = _entry(variable, url)
    with _changing():
        kept = _kept_keys()
        _write({**_in_file(), "keys": [*kept, *([] if entry in kept else [entry])]})
    return entry


def forget_key(variable: str, url: str) -> bool:
    """Take back what `allow_key` wrote; return whether it was there.

    :raises UsageError: one of both is not what it should be, or the file cannot be written.
    """
    entry = _entry(variable, url)
    if entry not in _kept_keys():
        return False
    with _changing():
        _write({**_in_file(), "keys": [key for key in _kept_keys() if key != entry]})
    return True


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


def _kept_keys() -> tuple[str, ...]:
    """Return the keys that the file confirms, whatever the environment says."""
    return _checked(lambda: _Values.model_validate(_in_file())).keys


def _checked(build: Callable[[], _T], environment: Container[str] = ()) -> _T:
    try:
        return build()
    except ValidationError as error:
        details = error.errors(include_input=False)
        raise UsageError("; ".join(_fault(detail, environment) for detail in details)) from None


def _fault(detail: Any, environment: Container[str]) -> str:
    """Return what is wrong with a setting and where it stands, without its value."""
    name = str(detail["loc"][0])
    if detail["type"] == "extra_forbidden":
        return f"{file()}: an unknown setting; valid: {', '.join(Settings.model_fields)}"
    where = f"RAGQA_{name.upper()}" if name in environment else f"{file()}: {name}"
    if detail["type"] == "value_error":
        return f"{where}: {detail['ctx']['error']}"
    return f"{where}: must be {detail['msg'].removeprefix('Input should be ')}"


def _in_file() -> dict[str, Any]:
    """Return what stands in the file; nothing where there is none."""
    path = file()
    try:
        values = json.loads(read_text(path, MAX_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise UsageError(f"{path}: must be one JSON object of settings; mend it, or remove it")
    return values


@contextmanager
def _changing() -> Iterator[None]:
    """Make the folder of the file, and hold it within the block, so that no process loses what another has written.

    :raises UsageError: it cannot be written. :raises ResourceError: there is no room.
    """
    path = file()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with outputs.locked(path.parent):
            yield
    except (PermissionError, FileNotFoundError, NotADirectoryError, FileExistsError, IsADirectoryError) as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}; set RAGQA_CONFIG to another folder") from None
    except OSError as error:
        raise ResourceError(f"{path}: cannot be written: {error.strerror}") from None


def _write(values: dict[str, Any]) -> None:
    """Put a new file in the place of the old one, for this user alone to read."""
    path = file()
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as scratch:
        try:
            scratch.write(json.dumps(values, indent=2) + "\n")
            scratch.flush()
            os.fsync(scratch.fileno())
            os.replace(scratch.name, path)
        finally:
            Path(scratch.name).unlink(missing_ok=True)
