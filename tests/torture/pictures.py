"""Mutated pictures through the decoder that OCR uses: each is drawn, or refused with a reason, within the limits."""

from __future__ import annotations

import io
import random
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ragqa.errors import RejectedError
from ragqa.load import Limits
from ragqa.load.ocr.bounds import OcrLimits
from ragqa.sandbox import Sandbox
from tests.torture import Trial
from tests.torture.mutations import ANY

TESTS = Path(__file__).parent.parent
KINDS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF")
SECONDS = 20.0
_MEMORY = OcrLimits().memory_bytes


def picture(kind: str) -> bytes:
    """Return a sound picture; a TIFF has three pages, and a GIF two frames."""
    pages = []
    for number in range({"TIFF": 3, "GIF": 2}.get(kind, 1)):
        page = Image.new("RGB", (300, 120), "white")
        ImageDraw.Draw(page).text((20, 30), f"Quay {number}", fill="navy", font=ImageFont.load_default(40))
        pages.append(page)
    stream = io.BytesIO()
    more = {"save_all": True, "append_images": pages[1:]} if pages[1:] else {}
    pages[0].save(stream, kind, dpi=(200, 200), **more)
    return stream.getvalue()


def bombs() -> Iterator[bytes]:
    """Yield pictures that say that they are huge, or are packed so that they unfold."""
    for width, height in ((60_000, 60_000), (1 << 30, 1), (10_001, 10_000)):
        yield _png(width, height, zlib.compress(b"\0" * (1 << 20)))
    yield _png(100_000_000, 1, zlib.compress(bytes(100_000_000), 1))
    yield (
        b"GIF89a"
        + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0)
        + b","
        + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0)
    )
    yield b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 1 << 30, 1 << 30, 1, 24, 0, 0, 0, 0, 0, 0)
    yield tiff_of_pages(100_000)


def _png(width: int, height: int, packed: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def tiff_of_pages(pages: int) -> bytes:
    """Return a TIFF of one grey pixel on each of many pages."""
    tags = ((256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 1))
    size = 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    places = (12 + size * number for number in range(pages))
    listed = (
        struct.pack("<H", len(tags)) + entries + struct.pack("<I", at + size if n < pages - 1 else 0)
        for n, at in enumerate(places)
    )
    return b"II*\0" + struct.pack("<I", 12) + b"\x80\0\0\0" + b"".join(listed)


def mutated(kind: str, number: int, seed: int) -> bytes:
    """Return a mutated picture: the same for the same arguments."""
    rng = random.Random(f"{seed}/{kind}/{number}")
    data = sound = picture(kind)
    while data == sound:
        for _ in range(rng.choice((1, 2, 3))):
            data = rng.choice(ANY)(rng, data)
    return data


def run(folder: Path, each: int = 300, seed: int = 0) -> Trial:
    """Look at `each` mutated pictures of each kind, and at bombs, in a sandbox with the limits of OCR."""
    del folder
    sys.path.append(str(TESTS))
    sandbox = Sandbox(seconds=SECONDS, memory_bytes=_MEMORY, reply_bytes=1 << 20)
    found: Counter[str] = Counter()
    wrong: list[str] = []
    slowest = 0.0
    try:
        for kind in KINDS:
            for number in range(each):
                seconds = _look(sandbox, f"{kind} {number}", mutated(kind, number, seed), found, wrong)
                slowest = max(slowest, seconds)
            if _look(sandbox, f"sound {kind}", picture(kind), Counter(), wrong, sound=True) > SECONDS:
                wrong.append(f"a sound {kind} took too long")
        for number, data in enumerate(bombs()):
            slowest = max(slowest, _look(sandbox, f"bomb {number}", data, found, wrong))
    finally:
        sandbox.close()
        sys.path.remove(str(TESTS))
    notes = ", ".join(f"{n:,} {what}" for what, n in sorted(found.items()))
    return Trial(
        "mutated pictures through the decoder for OCR", found.total(), wrong, f"{notes}; slowest {slowest:.1f} s"
    )


def _look(
    sandbox: Sandbox, name: str, data: bytes, found: Counter[str], wrong: list[str], *, sound: bool = False
) -> float:
    """Look at a picture; count what came of it, note what should not be, and return the seconds."""
    started = time.perf_counter()
    try:
        pages = sandbox.call("drawing:look", data, limits=asdict(Limits()))
        drawn = [page for page in pages if isinstance(page, list)]
        found["drawn" if drawn else "refused"] += 1
        if sound and len(drawn) != len(pages):
            wrong.append(f"{name}: was not drawn: {pages}")
        reasons = [page for page in pages if isinstance(page, str)]
        if any(width * height > OcrLimits().pixels + width + height for width, height, *_ in drawn):
            wrong.append(f"{name}: more pixels than are looked at: {drawn}")
    except RejectedError as error:
        found["refused"] += 1
        reasons = [str(error)]
        if sound or str(error).startswith("the parser was ended"):
            wrong.append(f"{name}: {error}")
    except Exception as error:
        wrong.append(f"{name}: {type(error).__name__}: {error}")
        reasons = []
    wrong.extend(f"{name}: its reason is empty" for reason in reasons if not reason.strip())
    seconds = time.perf_counter() - started
    if seconds > SECONDS:
        wrong.append(f"{name}: {seconds:.1f} s")
    return seconds
