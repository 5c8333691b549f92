"""ZIP archives of XML, such as DOCX: examined before any XML is built. It runs in the sandbox."""

from __future__ import annotations

import io
import zipfile
import zlib
from xml.parsers import expat

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits

_XML_BEGINNINGS = (b"<", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0<", b" ", b"\t", b"\r", b"\n")
_MEDIA = (
    ".avi", ".bmp", ".emf", ".gif", ".jpeg", ".jpg", ".m4a", ".m4v", ".mov", ".mp3", ".mp4", ".mpeg", ".mpg", ".otf",
    ".png", ".svm", ".tif", ".tiff", ".ttf", ".wav", ".webm", ".webp", ".wma", ".wmf", ".wmv", ".woff", ".woff2",
)  # fmt: skip
_RATIO_FROM_BYTES = 1 << 20
_PIECE = 1 << 16
_ENCRYPTED = 0x1
# What zipfile and expat raise over damaged bytes: a wrong offset or name is a ValueError, an encoding that is unknown a
# LookupError.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, LookupError)


def examined(data: bytes, limits: Limits, kind: str, *, pages: bool = False) -> zipfile.ZipFile:
    """Return the archive; refuse one that is not safe to open. No more is inflated than the limits allow.

    Pictures, sounds, films and fonts are not examined, since nothing opens them (see `is_media`).

    :param kind: the format's name, for messages.
    :param pages: it holds web pages, which need not be well-formed. Whoever parses an entry refuses entities.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        entries = [entry for entry in archive.infolist() if not is_media(entry.filename)]
        _examine_sizes(entries, len(data), limits)
        for entry in entries:
            _examine_entry(archive, entry, pages)
    except RejectedError:  # which is a ValueError
        raise
    except _DAMAGED as error:
        raise RejectedError(f"not {named(kind)} file, or a damaged one: {error}") from error
    return archive


class Parts:
    """The files of an archive by name, without media. `missing` names those that were asked for and are not there.

    :param archive: one that was examined, with `pages`: whoever parses an entry refuses entities.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.names = {entry.filename for entry in archive.infolist() if not is_media(entry.filename)}
        self.missing: set[str] = set()

    def data(self, name: str) -> bytes | None:
        """Return a file; None where the archive lacks it, which is put down in `missing`.

        :raises RejectedError: it is damaged.
        """
        if name not in self.names:
            self.missing.add(name)
            return None
        try:
            return self._archive.read(name)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise RejectedError(f"damaged: {name}: {error}") from error


def named(kind: str) -> str:
    """Return the name of a format with its article, such as `an ODT`."""
    return f"{'an' if kind[0] in 'EOX' else 'a'} {kind}"


def is_media(name: str) -> bool:
    """Tell whether an entry is a picture, a sound, a film or a font by its name. Such an entry must never be opened."""
    return name.lower().endswith(_MEDIA)


def _examine_sizes(entries: list[zipfile.ZipInfo], packed: int, limits: Limits) -> None:
    """Refuse an archive with too many entries, repeated names, or a declared size beyond the limits."""
    if len(entries) > limits.zip_entries:
        raise RejectedError(f"{len(entries):,} entries in the archive; at most {limits.zip_entries:,}")
    if len({entry.filename for entry in entries}) < len(entries):
        raise RejectedError("damaged: two entries of the archive have the same name")
    declared = sum(entry.file_size for entry in entries)
    if declared > limits.zip_bytes:
        raise RejectedError(f"declared {_size(declared)} > {_size(limits.zip_bytes)}: a zip bomb?")
    if declared > max(_RATIO_FROM_BYTES, limits.zip_ratio * packed):
        raise RejectedError(
            f"declared {declared / packed:,.0f} times its size; at most {limits.zip_ratio}: a zip bomb?"
        )


def _examine_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, pages: bool) -> None:
    """Inflate an entry in pieces, and refuse one that exceeds its declared size.

    In XML, refuse declarations of entities.
    """
    if entry.flag_bits & _ENCRYPTED:
        raise RejectedError("encrypted: save a copy without a password")
    with archive.open(entry) as stream:
        piece = stream.read(_PIECE)
        parser = without_entities() if piece.startswith(_XML_BEGINNINGS) and not pages else None
        try:
            while piece:
                if parser:
                    parser.Parse(piece, False)
                piece = stream.read(_PIECE)
            if parser:
                parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise RejectedError(f"damaged: {entry.filename}: {error}") from error


def without_entities(*, document_types: bool = False) -> expat.XMLParserType:
    """Return a parser that refuses declarations of entities, and document types where they are not allowed."""

    def refuse(*_: object) -> None:
        raise RejectedError("XML entity declarations are not allowed")

    parser = expat.ParserCreate()
    if not document_types:
        parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    return parser


def _size(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.0f} MiB"
