"""Reads the sections of a file: plain data -> a spec for each, or its mistakes with their positions."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from ragqa import messages
from ragqa.config.base import KINDS, ConflictError, NestedError, Spec, UnknownKindError, kind_of
from ragqa.config.kinds import Kinds
from ragqa.config.reader import Key, Mistake, Source, dotted, shown
from ragqa.config.slots import OPTIONAL


def read_section(source: Source, name: str, kinds: Kinds) -> Spec | None:
    """Return the spec of a section; its mistakes are added to the problems of the source.

    Keys with mistakes are removed, so that the other keys can be checked. The removed keys are in `source.faulty`, and
    the spec has their defaults. Return None where the remaining keys do not form a section.
    """
    names = kinds.names(name)
    block = source.data.get(name)
    if not isinstance(block, dict):
        if block is not None:
            source.add(Mistake(((name,),), f"must be a mapping with a kind of {', '.join(names)}"))
        elif not source.incomplete and (name in source.data or name not in OPTIONAL):
            source.add(Mistake(((name,),), f"missing; write `{name}: {{kind: {names[0]}, ...}}`"))
        return None
    named = block.get("kind")
    kind = kinds.find(name, named)
    if kind is None:
        what = "missing" if named is None else f"unknown kind {shown(named)}"
        if named is not None or not source.incomplete:
            source.add(Mistake(((name, "kind"),), f"{what}; {did_you_mean(str(named), names)}"))
        return None
    return _sound(source, name, kind.spec, copy.deepcopy(block), kinds)


def _sound(source: Source, name: str, spec: type[Spec], block: dict[str, Any], kinds: Kinds) -> Spec | None:
    """Return the spec of a block without mistaken keys. Each round removes the keys that failed in the round before."""
    for key in source.faulty:
        if key[:1] == (name,):
            _remove(block, key[1:])
    while True:
        try:
            return spec.model_validate(block, context={KINDS: kinds})
        except ValidationError as error:
            mistakes = list(_mistakes(source, (name,), spec, error))
        source.add(*mistakes)
        if not sum(_remove(block, key[1:]) for mistake in mistakes for key in mistake.keys):
            return None


def _remove(block: Any, key: Key) -> bool:
    """Remove a key from a block, or the whole list or nested part that contains it; tell whether the key was there."""
    for depth, part in enumerate(key, start=1):
        if part not in block:
            return False
        if depth == len(key) or not isinstance(block[part], dict) or key[depth:] == ("kind",):
            del block[part]
            return True
        block = block[part]
    return False


def _mistakes(source: Source, key: Key, spec: type[Spec], error: ValidationError) -> Iterator[Mistake]:
    """Yield pydantic's errors about the part at a key as mistakes: sentences with the keys that they concern."""
    for detail in error.errors():
        at = (*key, *(part for part in detail["loc"] if not _is_union_tag(part)))
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, NestedError):
            yield from _mistakes(source, at, cause.spec, cause.error)
        elif detail["type"] != "missing" or not source.incomplete:
            yield from _mistake(source, at, spec, detail, cause)


def _mistake(source: Source, key: Key, spec: type[Spec], detail: Any, cause: Any) -> Iterator[Mistake]:
    kind = f"(kind {kind_of(spec)})"
    match detail["type"]:
        case "extra_forbidden":
            yield unknown(source, key, f"key in {dotted(key[:-1])} {kind}", list(spec.model_fields))
        case "missing":
            yield Mistake((key,), f"missing in {dotted(key[:-1])} {kind}")
        case "value_error" if isinstance(cause, UnknownKindError):
            yield _no_kind(key, cause)
        case "value_error" if isinstance(cause, ConflictError):
            for conflict in cause.conflicts:
                yield Mistake(tuple((*key, name) for name in conflict.keys), conflict.message)
        case "value_error":
            yield Mistake((key,), messages.requirement(detail))
        case _:
            yield Mistake(
                (key,), f"{messages.requirement(detail)}, got {shown(detail['input'])}{_scalar_hint(detail['input'])}"
            )


def unknown(source: Source, key: Key, what: str, valid: Sequence[str]) -> Mistake:
    """Return the mistake of an unknown key. It names the similar valid key too, whose value is then unknown."""
    typed = str(key[-1])
    near = messages.nearest(typed, valid)
    meant = [(*key[:-1], near)] if near else []
    return Mistake(
        (key, *(k for k in meant if k not in source.positions)), f"unknown {what}; {did_you_mean(typed, valid)}"
    )


def _no_kind(key: Key, error: UnknownKindError) -> Mistake:
    """Return the mistake of a nested part whose kind is unknown."""
    names, value = error.names, error.value
    if isinstance(value, dict):
        named = value.get("kind")
        what = "missing" if named is None else f"unknown kind {shown(named)}"
        return Mistake(((*key, "kind"),), f"{what}; {did_you_mean(str(named), names)}")
    if error.short and isinstance(value, str):
        return Mistake((key,), f"unknown kind {shown(value)}; {did_you_mean(value, names)}")
    example = f"`{key[-1]}: {{kind: {value if value in names else 'NAME'}}}`"
    message = f"must be a mapping with a kind of {', '.join(names)}, got {shown(value)}; write {example}"
    return Mistake((key,), message)


def _is_union_tag(part: Any) -> bool:
    """Tell whether a part of pydantic's location names the member of a union; the file has no such key."""
    names = {"str", "int", "float", "bool"} | {f"list[{inner}]" for inner in ("str", "constrained-str")}
    return isinstance(part, str) and (part in names or part.startswith(("list[", "constrained-", "literal[")))


def _scalar_hint(found: Any) -> str:
    if isinstance(found, bool):
        return " (YAML reads yes, no, on and off as booleans; quote the word to mean text)"
    if isinstance(found, str):
        try:
            number = float(found)
        except ValueError:
            return ""
        if "e" in found.lower():
            return _exponent_hint(found)
        plain = int(number) if number.is_integer() and "." not in found else number
        return f" (that is text in YAML; write {plain})"
    return ""


def _exponent_hint(found: str) -> str:
    mantissa, _, exponent = found.lower().partition("e")
    signed = exponent if exponent.startswith(("+", "-")) else f"+{exponent}"
    return f" (that is text in YAML; write {mantissa if '.' in mantissa else mantissa + '.0'}e{signed})"


def did_you_mean(found: str, valid: Sequence[str]) -> str:
    """Return `did you mean 'x'?` where a valid name is similar, and always the list of valid names."""
    return f"{nearest(found, valid)}valid: {', '.join(valid)}"


def nearest(found: str, valid: Sequence[str]) -> str:
    """Return `did you mean 'x'?` and a space where a valid name is similar; else an empty text."""
    near = messages.nearest(found, valid)
    return f"did you mean {near!r}? " if near else ""
