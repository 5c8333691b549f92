"""files -> Document."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from ragqa.errors import RejectedError, UsageError
from ragqa.records import Document, FileStatus, Scan, SourceFile

MEDIA_TYPES = {".txt": "text/plain", ".md": "text/markdown"}


class FolderLoader:
    """Reads the UTF-8 text files of folders."""

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        text_field: str | None = None,
    ) -> None:
        self._paths = paths
        for path in paths:
            if not path.exists():
                raise UsageError(f"path not found: {path}")

    def extractor(self, media_type: str) -> str:
        """Return the name and version of what reads this type."""
        return "text/1"

    def scan(self) -> Scan:
        """Return the files that may be read, and what was skipped."""
        files, others = [], []
        for root in self._paths:
            for path in sorted(p for p in root.rglob("*") if p.is_file() and not p.is_symlink()):
                source = path.relative_to(root).as_posix()
                media_type = MEDIA_TYPES.get(path.suffix.lower())
                if media_type is None:
                    others.append(FileStatus(source, "skipped", f"unsupported type {path.suffix}"))
                    continue
                data = path.read_bytes()
                files.append(SourceFile(source, str(path), hashlib.sha256(data).hexdigest(), len(data), media_type))
        return Scan(tuple(files), tuple(others))

    def read(self, file: SourceFile) -> Document:
        """Return the document in a file."""
        try:
            text = Path(file.path).read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise RejectedError(f"not UTF-8 at byte {error.start}") from error
        return Document(
            file.document_id, file.source, file.path, file.sha256, file.media_type, "utf-8", text,
            Path(file.path).stem, self.extractor(file.media_type),
        )  # fmt: skip
