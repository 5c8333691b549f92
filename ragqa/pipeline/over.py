"""A pipeline put over other documents than those that its file names."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeVar

from ragqa.config.specs import CustomSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ragqa.config.base import Spec
    from ragqa.pipeline.parts import Parts

SomeParts = TypeVar("SomeParts", bound="Parts")


class MemoryLoad(CustomSpec):
    """What stands for `load` where the documents are in memory; no file can choose it."""

    kind: Literal["memory"] = "memory"


def over(parts: SomeParts, load: Spec, key: object, identity: Mapping[str, str]) -> SomeParts:
    """Return a copy with another `load`, and an index in the cache that belongs to a key; it shares what is built.

    :param key: plain data that says which documents these are. :param identity: of the embedder and the splitter.
    """
    from ragqa import models

    digest = hashlib.sha256(json.dumps([key, identity], sort_keys=True).encode()).hexdigest()
    place = models.cache_dir() / "datasets" / digest[:32]
    other = copy.copy(parts)
    for name in ("loader", "files", "search_index"):
        vars(other).pop(name, None)
    index = parts.config.index.model_copy(update={"path": str(place)})
    other.config = replace(parts.config, load=load, index=index)
    return other
