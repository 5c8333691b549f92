"""The alternative text of a picture, which says in words what the picture shows."""

from __future__ import annotations

import re

_BY_MACHINE = re.compile(
    r"(?:description automatically generated|ai-generated content may be incorrect|automatisch generierte beschreibung|"
    r"ki-generierte inhalte können fehlerhaft sein|description générée automatiquement|"
    r"le contenu généré par l.ia peut être incorrect)[^.\n]{0,60}\.?\s*\Z",
    re.IGNORECASE,
)
"""The note with which Office ends a description that it wrote itself."""
_FILE_NAME = re.compile(r"[^\n]*\.(?:avif|bmp|emf|gif|heic|jfif|jpe?g|pdf|png|svgz?|tiff?|webp|wmf)", re.IGNORECASE)
_PROSE = re.compile(r"[,:;.!?] |(?: \S+){8}")
"""What no name of a file has: a mark with a space behind it, or very many words."""
_ADDRESS = re.compile(r"(?:https?://|data:|cid:|file:)\S*", re.IGNORECASE)
_NO_DESCRIPTION = re.compile(
    r"(?:the |an? )?(?:picture|image|img|photo|photograph|graphic|grafik|graphique|bild|foto|icon|logo|spacer|untitled|"
    r"screenshot|placeholder|object|shape|imagen|immagine|kép|obrázok|obrázek)[\s_:-]*\d*",
    re.IGNORECASE,
)
"""A word for a picture alone, with or without a number."""


def picture(text: str | None) -> str:
    """Return the alternative text of a picture on one line, as `[picture: A map of the valley]`.

    Return "" where no person described the picture: for no text, the name of a file, an address, a mere `Picture 3`, and
    a description that ends with the note that a program wrote it.
    """
    given = " ".join((text or "").split())
    unwritten = (
        (_FILE_NAME.fullmatch(given) and not _PROSE.search(given))
        or _ADDRESS.fullmatch(given)
        or _NO_DESCRIPTION.fullmatch(given)
    )
    if unwritten or _BY_MACHINE.search(given) or not any(map(str.isalnum, given)):
        return ""
    return f"[picture: {given}]"
