"""The page: static files of the package. They have no data, so that they need no token; the page asks `/api` with one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import Response

from ragqa.serve.errors import HttpError

if TYPE_CHECKING:
    from starlette.requests import Request

FOLDER = Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json",
    ".svg": "image/svg+xml", ".png": "image/png", ".wasm": "application/wasm", ".ttf": "font/ttf", ".txt": "text/plain",
}  # fmt: skip
"""The type of a file by its suffix; of any other, it is bytes."""


def page_files() -> dict[str, Path]:
    """Return the files of the page by the path at which they are asked for: `index.html` at `/`, the others at `/page/NAME`."""
    files = {f"/page/{file.relative_to(FOLDER).as_posix()}": file for file in FOLDER.rglob("*") if file.is_file()}
    return {"/": files.pop("/page/index.html"), **files}


class Page:
    """The handlers of the page.

    :param files: what `page_files` returned. A path of a request is looked up in it, and never opened itself.
    """

    def __init__(self, files: dict[str, Path]) -> None:
        self._files = files

    async def page(self, request: Request) -> Response:
        """Return the page, or a file of it."""
        file = self._files.get(request.scope["path"])
        if file is None:
            raise HttpError(404, "the page has no such file")
        kind = _TYPES.get(file.suffix, "application/octet-stream")
        return Response(await asyncio.to_thread(file.read_bytes), media_type=kind)
