"""Pages of a PDF and pictures -> images of Pillow. It runs in the sandbox."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import PIL.Image
from PIL import ImageOps

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.formats import PDF
from ragqa.load.ocr.bounds import OcrLimits
from ragqa.records import Extracted

_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF")
_LEAST_KNOWN_DPI, _MOST_KNOWN_DPI = 100, 600
"""Resolutions out of these bounds are not those at which the picture was taken; many programs write 72."""
_SCREEN_PIXELS, _SCREEN_DPI = 1500, 100
"""Where its resolution is not known, a picture with as few pixels as a screen has is taken for one of a screen."""

Opened = Callable[[int], tuple[Any, int]]
"""Returns the image of a page, by its number from 1, and its resolution in dots per inch, 0 where it is not known."""


def extract(data: bytes, limits: Limits, ocr: str | None = None) -> Extracted:
    """Return the empty pages of a picture: OCR reads them. Of moving pictures, the first frame is a page.

    Metadata: `pages_without_text`; `not_read`, the number of further frames.

    :param ocr: the engine that will read them; None where there is none.
    :raises RejectedError: the file is no picture, damaged, has too many pages, or nothing will read it.
    """
    if not ocr:
        raise RejectedError("no text on a picture")
    with _picture(data) as picture:
        has_more = _has_more(data, limits.pages)
        frames = limits.pages + 1 if has_more else getattr(picture, "n_frames", 1)
        pages = frames if picture.format == "TIFF" else 1
    if pages > limits.pages:
        raise RejectedError(f"too long: more than {limits.pages:,} pages")
    metadata: dict[str, Any] = {"pages_without_text": list(range(1, pages + 1))}
    if frames > pages:
        kind = "frames of a moving picture" + (", and further ones" if has_more else "")
        metadata["not_read"] = {kind: frames - pages}
    return Extracted("\f" * (pages - 1), page_starts=tuple(range(pages)), metadata=metadata)


def _has_more(data: bytes, most: int) -> bool:
    """Tell whether a picture has more frames than `most`. Counting all of them takes the square of their number.

    The library counts wrongly after that, so the picture is opened for this alone.
    """
    with _picture(data) as picture:
        try:
            picture.seek(most)
        except EOFError:
            return False
    return True


def opened(data: bytes, media_type: str, limits: OcrLimits, passwords: Sequence[str] = ()) -> Opened:
    """Open a file whose pages are to be read.

    :param passwords: tried on an encrypted file.
    :raises RejectedError: it cannot be opened.
    """
    return _pdf(data, limits, passwords) if media_type == PDF else _frames(data, limits)


def _document(data: bytes, passwords: Sequence[str]) -> Any:
    """Return a PDF file that was opened without a password, or with the first one that opens it."""
    import pypdfium2

    for password in (None, *passwords):
        try:
            return pypdfium2.PdfDocument(data, password=password)
        except pypdfium2.PdfiumError as error:
            fault = error
    raise RejectedError(f"OCR: its pages cannot be drawn: {fault}")


def _pdf(data: bytes, limits: OcrLimits, passwords: Sequence[str]) -> Opened:
    import pypdfium2

    document = _document(data, passwords)

    def page(number: int) -> tuple[Any, int]:
        try:
            drawn = document[number - 1]
            width, height = drawn.get_size()
            dpi = min(max(_own_dpi(drawn), limits.least_dpi), limits.most_dpi)
            scale = min(dpi / 72, (limits.pixels / max(1.0, width * height)) ** 0.5)
            # Its annotations and fields are not drawn: their texts are read already.
            bitmap = drawn.render(scale=scale, may_draw_forms=False, draw_annots=False)
            return bitmap.to_pil(), round(72 * scale)
        except (pypdfium2.PdfiumError, ValueError) as error:
            raise RejectedError(f"it cannot be drawn: {error}") from error

    return page


def _own_dpi(page: Any) -> float:
    """Return the highest resolution of the pictures on a page; 0 where there are none."""
    import pypdfium2.raw as pdfium

    found = 0.0
    for each in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        left, bottom, right, top = each.get_bounds()
        points, pixels = max(right - left, top - bottom), max(each.get_px_size())
        if points > 0:
            found = max(found, 72 * pixels / points)
    return found


def _frames(data: bytes, limits: OcrLimits) -> Opened:
    def page(number: int) -> tuple[Any, int]:
        with _picture(data) as picture:
            try:
                picture.seek(number - 1)
                _refuse_bomb(picture, limits)
                dpi = round(float(picture.info.get("dpi", (0, 0))[0] or 0))
                reduced = (limits.pixels / (picture.width * picture.height)) ** 0.5
                if reduced < 1:
                    picture.draft("RGB", (int(picture.width * reduced), int(picture.height * reduced)))
                image = _on_white(ImageOps.exif_transpose(picture))
            except RejectedError:
                raise
            except (OSError, SyntaxError, ValueError, EOFError, ArithmeticError, TypeError, KeyError) as error:
                raise RejectedError(f"damaged: {type(error).__name__}: {error}") from error
        known = dpi if reduced >= 1 and _LEAST_KNOWN_DPI <= dpi <= _MOST_KNOWN_DPI else 0
        if not known and max(image.width, image.height) <= _SCREEN_PIXELS:
            known = _SCREEN_DPI
        # Small letters are read badly, so that a picture of a low resolution is enlarged to that of pages.
        factor = min(
            max(1.0, limits.least_dpi / (known or limits.least_dpi)),
            (limits.pixels / (image.width * image.height)) ** 0.5,
        )
        if factor == 1:
            return image, known
        size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
        return image.resize(size, PIL.Image.Resampling.LANCZOS), round(known * factor)

    return page


def _picture(data: bytes) -> Any:
    """Return a picture whose pixels are not decoded yet."""
    PIL.Image.MAX_IMAGE_PIXELS = None  # `_refuse_bomb` has bounds of its own
    try:
        return PIL.Image.open(io.BytesIO(data), formats=_FORMATS)
    except (OSError, SyntaxError, ValueError, EOFError, ArithmeticError, TypeError, KeyError) as error:
        raise RejectedError(f"no picture, or damaged: {type(error).__name__}") from error


def _refuse_bomb(picture: Any, limits: OcrLimits) -> None:
    pixels = picture.width * picture.height
    if pixels > limits.file_pixels:
        raise RejectedError(f"{pixels:,} pixels; at most {limits.file_pixels:,}: a bomb?")


def _on_white(picture: Any) -> Any:
    """Return a picture in grey or in colours, with white where it is transparent."""
    if picture.mode.startswith("I"):  # 16 or 32 bits of grey
        return picture.convert("I").point(lambda value: value / 256).convert("L")
    if picture.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        white = PIL.Image.new("RGBA", clear.size, "white")
        return PIL.Image.alpha_composite(white, clear).convert("RGB")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")
