"""The documents of one generation of an index: their names and types, and which of them a loose name means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from ragqa import text_analysis
from ragqa.index.filters import matches, values
from ragqa.pipeline.catalogue.asked import TYPES
from ragqa.retrieve import versions
from ragqa.stages import IndexReader

LEAST_SHARE = 0.5
"""The least share of the words of a document's name or title that a loose name must have to mean it."""
MOST_RIVALS = 3
"""A name that means one more document than this equally well is no name of a document in a question."""
MOST_TITLES = 50
"""The most documents whose titles are compared with a loose name."""

_FOLDER = frozenset(map(text_analysis.term, ["folder", "folders", "directory", "subfolder"]))
_GENERIC = _FOLDER | frozenset(
    map(text_analysis.term, ["document", "doc", "file", "article", "page", "text", "paper", "entry", "called", "named"])
)
"""Words beside a name that are left out where no document has them in its name."""
_SUFFIXES = {suffix: name for name, suffixes in TYPES.items() for suffix in suffixes}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The documents that may be answered from.

    `documents` are the ids of documents by their first source in sort order, and `copies` the number of further files
    with the same content. `folder` is the folder to which they are limited, empty for all. `unreadable` are the sources
    of files that could not be used.
    """

    documents: Mapping[str, str]
    copies: int
    unreadable: tuple[str, ...]
    folder: str = ""

    @classmethod
    def read(cls, reader: IndexReader, where: Mapping[str, Any]) -> Catalogue:
        """Return the catalogue of a generation.

        :param where: `retrieve.filter`; documents that do not match it are left out.
        """
        sources = reader.sources()
        if where:
            allowed = {id_ for id_ in set(sources.values()) if _is_allowed(reader, id_, where)}
            sources = {source: id_ for source, id_ in sources.items() if id_ in allowed}
        first: dict[str, str] = {}
        for source in sorted(sources):
            first.setdefault(sources[source], source)
        unreadable = () if where else tuple(sorted(reader.rejected()))
        return cls({source: id_ for id_, source in first.items()}, len(sources) - len(first), unreadable)

    def within(self, folder: str) -> Catalogue:
        """Return the documents below a folder."""
        begin = f"{folder}/"
        inside = {source: id_ for source, id_ in self.documents.items() if source.startswith(begin)}
        bad = tuple(source for source in self.unreadable if source.startswith(begin))
        return replace(self, documents=inside, copies=0, unreadable=bad, folder=folder)

    def of_type(self, name: str) -> Catalogue:
        """Return the documents of one of `TYPES`; all of them where the name is empty."""
        chosen = {source: id_ for source, id_ in self.documents.items() if not name or type_of(source) == name}
        return replace(self, documents=chosen)

    def types(self) -> list[tuple[str, int]]:
        """Return the number of documents of each type, the largest number first."""
        counts = Counter(map(type_of, self.documents))
        return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))

    def folders(self) -> list[str]:
        """Return all folders that hold documents, at any depth, in sort order."""
        parents = (str(each) for source in self.documents for each in PurePosixPath(source).parents)
        return sorted({each for each in parents if each != "."})


def type_of(source: str) -> str:
    """Return the type of a file: a key of `TYPES`, else its suffix, else `other`."""
    suffix = PurePosixPath(source).suffix.lower()
    return _SUFFIXES.get(suffix, suffix or "other")


@dataclass(frozen=True, slots=True)
class Named:
    """What a loose name means: a document by its source, or a folder. `others` are further ones that it could mean.

    `is_vague` tells that it means several documents, which are no versions of one, equally well.
    """

    source: str = ""
    folder: str = ""
    others: tuple[str, ...] = ()
    is_vague: bool = False


def find(name: str, catalogue: Catalogue, reader: IndexReader) -> Named | None:
    """Return the document or folder that a person means by a name; None where none has all words of the name.

    A source, or the end of one, means exactly this document. Else all words of the name must stand in the name or the
    title of a document, and make up half of it. Of several, the one with the fewest other words is taken, and among
    equals the newest version.
    """
    asked = name.strip().strip("/").lower()
    exact = [
        source for source in catalogue.documents if source.lower() == asked or source.lower().endswith(f"/{asked}")
    ]
    if exact:
        return Named(exact[0], others=tuple(exact[1:]))
    if folder := next((each for each in catalogue.folders() if each.lower() == asked), ""):
        return Named(folder=folder)
    words = [word for word in text_analysis.name_words(name) if word not in text_analysis.STOP_WORDS]
    every = set(map(text_analysis.term, words))
    says_folder = bool(every & _FOLDER)
    return _best(every, False, catalogue, reader) or _best(every - _GENERIC, says_folder, catalogue, reader)


def _best(wanted: set[str], says_folder: bool, catalogue: Catalogue, reader: IndexReader) -> Named | None:
    """Return the document or folder whose name has all wanted terms, and fewest others.

    :param says_folder: only folders are meant.
    """
    if not wanted:
        return None
    folders = catalogue.folders()
    of_documents = _shares_of_documents(wanted, catalogue, reader)
    of_folders = {folder: _share(wanted, PurePosixPath(folder).name) for folder in folders}
    best = max(of_documents.values(), default=0.0)
    best_folder = max(of_folders.values(), default=0.0)
    if best_folder >= LEAST_SHARE and (says_folder or best_folder > best):
        chosen = [folder for folder, share in of_folders.items() if share >= LEAST_SHARE]
        chosen.sort(key=lambda folder: (-of_folders[folder], folder.count("/"), folder))
        return Named(folder=chosen[0], others=tuple(chosen[1:]))
    if best < LEAST_SHARE or says_folder:
        return None
    fitting = sorted((-share, source) for source, share in of_documents.items() if share >= LEAST_SHARE)
    equal = [source for share, source in fitting if share == -best]
    taken = _newest(equal)
    rivals = [source for source in equal if source != taken and not versions.are_versions(source, taken)]
    others = tuple(source for _, source in fitting if source != taken)
    return Named(taken, others=others, is_vague=len(rivals) >= MOST_RIVALS)


def _shares_of_documents(wanted: set[str], catalogue: Catalogue, reader: IndexReader) -> dict[str, float]:
    """Return for each document that a name may mean the share of its file's name or title that the name makes up."""
    shares = {source: _share(wanted, PurePosixPath(source).stem, type_words(source)) for source in catalogue.documents}
    titled = [source for source in reader.named(sorted(wanted)) if source in catalogue.documents]
    for source in sorted(titled)[:MOST_TITLES]:
        title = reader.document(catalogue.documents[source]).title
        shares[source] = max(shares[source], _share(wanted, title))
    return {source: share for source, share in shares.items() if share}


def type_words(source: str) -> set[str]:
    """Return the words by which a person names the type of a file: its suffix, and the name of the type."""
    return set(text_analysis.terms(f"{PurePosixPath(source).suffix} {type_of(source)}"))


def _share(wanted: set[str], name: str, also: Collection[str] = ()) -> float:
    """Return the share of the words of a name that are wanted; 0 unless all that are wanted are in it, or in `also`.

    Numbers, such as years and versions, count only where they are wanted.
    """
    words = [word for word in text_analysis.name_words(name) if word not in text_analysis.STOP_WORDS]
    own = {text_analysis.term(word) for word in words if not word.isdigit() or word in wanted}
    whole = set(text_analysis.terms(name)) - own
    if not wanted <= own | whole | set(also) or not wanted & (own | whole):
        return 0.0
    return len(wanted & own) / max(1, len(own)) if wanted & own else 1.0


def _newest(sources: Sequence[str]) -> str:
    """Return the first source, or a newer version of the same document among the others."""
    taken = sources[0]
    for source in sources[1:]:
        if versions.are_versions(taken, source) and versions.compare(source, {}, taken, {}) > 0:
            taken = source
    return taken


def _is_allowed(reader: IndexReader, document_id: str, where: Mapping[str, Any]) -> bool:
    document = reader.document(document_id)
    _, sources = reader.copies(document_id)
    return matches(values(document.metadata, document.media_type, document.title, sources), where)
