"""Small valid archives -> damaged ones: bytes flipped, cut or inserted, in the file or in one of its entries."""

from __future__ import annotations

import io
import random
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.extract import checked
from ragqa.records import Extracted

_INSERTED = (
    b"\x00", b"<", b">", b"&", b'"', b"<a:p>", b"</a:p>", b"-1", b"99999999999", b"\xff\xfe", b"/", b"<!-- ", b"]]>",
)  # fmt: skip


def damaged(data: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield variants of an archive; nine of ten have a damaged entry and are sound archives."""
    rng = random.Random(seed)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    for number in range(count):
        if number % 10 == 0:
            yield _changed(data, rng)
            continue
        name = rng.choice(list(entries))
        yield packed({**entries, name: _changed(entries[name], rng)})


def packed(entries: dict[str, bytes]) -> bytes:
    """Return an archive of these entries."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return stream.getvalue()


def outcomes(read: Callable[[bytes, Limits], Extracted], data: bytes, count: int = 300) -> Counter[str]:
    """Return how many variants were read, and how many rejected. Any other error passes through.

    Every text that is read is what an index can store, and none takes longer than two seconds.
    """
    found: Counter[str] = Counter()
    for each in damaged(data, count):
        started = time.perf_counter()
        try:
            extracted = checked(read(each, Limits()), len(each), Limits())
            starts = extracted.page_starts
            assert list(starts) == sorted(set(starts)) and (not starts or starts[-1] <= len(extracted.text))
            for offset, *_ in [*extracted.metadata.get("headings", ()), *extracted.metadata.get("places", ())]:
                assert offset == 0 or extracted.text[offset - 1] == "\n"
            found["read"] += 1
        except RejectedError:
            found["rejected"] += 1
        assert time.perf_counter() - started < 2
    return found


def _changed(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(4)
        if kind == 0 and at < len(data):
            data = data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + data[at + rng.randint(1, 40) :]
        elif kind == 2:
            data = data[:at] + rng.choice(_INSERTED) + data[at:]
        else:
            data = data[:at] + data[at : at + rng.randint(1, 200)] * 2 + data[at + 200 :]
    return data
