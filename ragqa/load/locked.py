"""Office files with a password -> the files without it, by msoffcrypto. It runs in the sandbox."""

from __future__ import annotations

import io
from collections.abc import Sequence

from ragqa.errors import RejectedError

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_OF_EXCEL = "VelvetSweatshop"
"""The password with which Excel encrypts a workbook that is only protected from changes. It opens such a file without asking."""
_MOST_INFO = 1 << 20


def refuse(passwords: Sequence[str]) -> RejectedError:
    """Return the error for a file that none of the passwords opens. It quotes none of them."""
    tried = f"none of the {len(passwords)} of load.passwords opens it" if passwords else "a password is needed"
    return RejectedError(f"encrypted: {tried}; add it to load.passwords, or save a copy without one")


def unlocked(data: bytes, passwords: Sequence[str]) -> bytes:
    """Return the package of an Office Open XML file with a password; the same bytes for any other file.

    :raises RejectedError: none of the passwords opens it, or it is damaged.
    """
    if not (data.startswith(_OLE) and _PACKAGE in data):
        return data
    _refuse_document_types(data)
    return _opened(data, passwords, verify_password=True)


def unlocked_workbook(data: bytes, passwords: Sequence[str]) -> bytes:
    """Return an XLS with a password without it.

    :raises RejectedError: none of the passwords opens it, or it is damaged.
    """
    from msoffcrypto.format import xls97

    vars(xls97)["tempfile"] = _Memory  # it would write the decrypted file to the disk
    return _opened(data, passwords)


class _Memory:
    """Takes the place of the module `tempfile`."""

    TemporaryFile = io.BytesIO


def _opened(data: bytes, passwords: Sequence[str], **options: bool) -> bytes:
    """Return a file as the first password that opens it does."""
    import msoffcrypto
    from msoffcrypto.exceptions import InvalidKeyError

    for password in (_OF_EXCEL, *passwords):
        opened = io.BytesIO()
        try:
            file = msoffcrypto.OfficeFile(io.BytesIO(data))
            file.load_key(password=password, **options)
            file.decrypt(opened)
            return opened.getvalue()
        except InvalidKeyError:
            continue
        except (MemoryError, RecursionError):
            raise
        except (
            Exception
        ) as error:  # msoffcrypto raises what its code meets in damaged bytes, such as KeyError or AssertionError
            raise _damaged(error) from error
    raise refuse(passwords)


def _damaged(error: Exception) -> RejectedError:
    what = " ".join(str(error).split())[:200] or type(error).__name__
    return RejectedError(f"encrypted, and damaged or in a way that is not read: {what}")


def _refuse_document_types(data: bytes) -> None:
    """Refuse a file whose description of its encryption, which is XML, has declarations, such as those of entities."""
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as container:
            if not container.exists("EncryptionInfo"):
                return
            described = container.openstream("EncryptionInfo").read(_MOST_INFO)
    except Exception as error:  # olefile raises many kinds over damaged bytes
        raise _damaged(error) from error
    if b"<!" in described:
        raise RejectedError("damaged: the description of its encryption has declarations")
