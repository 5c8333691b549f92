"""Mutated files of all other formats than PDF, DOCX and HTML, which have mutators of their own in `mutations`.

Archives, mailboxes and mails that hold files are among them; pictures are tried in `pictures`.
"""

from __future__ import annotations

import random
import zipfile
from functools import partial
from io import BytesIO
from pathlib import Path

from ragqa.load.formats import CONTAINERS, FORMATS
from tests.load.mail_files import eml, mbox, msg, properties, with_files
from tests.load.test_contract import SAMPLES
from tests.torture import Trial
from tests.torture.mutations import ANY, OWN, unzipped, zipped
from tests.torture.parsers import BATCH, Batches

_HOLDING = {each.media_type for each in CONTAINERS}
_INSIDE = {"notes/a.md": SAMPLES["markdown"], "b.csv": SAMPLES["csv"], "c.docx": SAMPLES["docx"]}
_ZIP = zipped(_INSIDE)
HOLDING = {
    "zip": zipped(
        {**_INSIDE, "inner.zip": _ZIP, "mail.eml": with_files({"d.zip": _ZIP, "e.txt": b"The ferry sails."})}
    ),
    "eml": with_files({**_INSIDE, "inner.zip": _ZIP, "mail.eml": with_files({"e.txt": b"The ferry sails."})}),
    "msg": msg(
        {0x0037: "Ferry times", 0x1000: "The ferry sails at noon."},
        file0=properties({0x3707: "inner.zip", 0x3701: _ZIP}),
        file1=properties({0x3707: "e.txt", 0x3701: b"The ferry sails."}),
    ),
    "mbox": mbox(eml(), with_files({"inner.zip": _ZIP}), eml("Ferry fees", "A fee of 12 euro.\n")),
}
"""A sound file that holds others, by suffix."""
SUFFIXES = {
    each.suffixes[0][1:]: SAMPLES[each.name]
    for each in FORMATS
    if each.name in SAMPLES and each.media_type not in _HOLDING and each.suffixes[0][1:] not in OWN
} | HOLDING
"""A sound file by suffix."""


def mutated(number: int, seed: int) -> tuple[str, bytes]:
    """Return the name and the bytes of a mutated file: the same for the same numbers."""
    rng = random.Random(f"{seed}/{number}")
    suffix = list(SUFFIXES)[number % len(SUFFIXES)]
    data = sound = SUFFIXES[suffix]
    while data == sound:
        for _ in range(rng.choice((1, 2, 3))):
            data = _changed(rng, data)
    return f"{number:06}.{suffix}", data


def _changed(rng: random.Random, data: bytes) -> bytes:
    """Change the bytes of a file, or mostly those of a part of an archive, which is packed again as it should be."""
    if rng.random() < 0.3 or not zipfile.is_zipfile(BytesIO(data)):
        return rng.choice(ANY)(rng, data)
    try:
        parts = unzipped(data)
    except Exception:  # an archive that was changed before
        return rng.choice(ANY)(rng, data)
    name = rng.choice(sorted(parts))
    return zipped(parts | {name: rng.choice(ANY)(rng, parts[name])})


def run(folder: Path, each: int = 300, seed: int = 0) -> Trial:
    """Index `each` mutated files of each format, batch by batch."""
    folder.mkdir()
    count, batches = each * len(SUFFIXES), Batches(folder, seed, partial(mutated, seed=seed))
    for first in range(0, count, BATCH):
        batches.batch(first, min(first + BATCH, count))
    return batches.trial(
        f"mutated files of {len(SUFFIXES)} other formats through `index`, {len(HOLDING)} of which hold files"
    )
