"""Finds the message that a reply quotes whole below its own text. It stands in another mail, and here it is only counted.

A message that is quoted piece by piece, with answers between the pieces, stays: the answers need it. So does one that
is forwarded.
"""

from __future__ import annotations

import re

_REPLY = re.compile(
    r"\s*(?:re|aw|antw|antwort|sv|vs|odp|rép|ref|res|rif|ynt|回复|答复|回覆|返信)\s*(?:\[\d+\])?\s*[:：]", re.IGNORECASE
)
_FORWARD = re.compile(r"\s*(?:fwd?|wg|tr|rv|enc|doorst|i|pd|vb|vl|转发|轉寄)\s*[:：]", re.IGNORECASE)
_FORWARDED = re.compile(
    r"[-\s]*(?:Begin forwarded message|Forwarded message|Weitergeleitete Nachricht|Message transféré|Mensaje reenviado|"
    r"Messaggio inoltrato|Doorgestuurd bericht|Mensagem encaminhada)\b",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(
    r"\s*-{2,}\s*(?:Original Message|Original Appointment|Ursprüngliche Nachricht|Message d'origine|Mensaje original|"
    r"Messaggio originale|Oorspronkelijk bericht|Mensagem original|Originalmeddelande|Reply message)\s*-{2,}\s*",
    re.IGNORECASE,
)
_WROTE = re.compile(
    r"\b(?:wrote|writes|schrieb|a écrit|escribió|ha scritto|schreef|escreveu|skrev|kirjoitti|napsal|írta|napisał|pisze|"
    r"написал|пишет)\b|写道|寫道|のメール",
    re.IGNORECASE,
)
_ATTRIBUTED = re.compile(r"(?:[:：]|-{2,})\s*\Z")
"""The end of `On ..., NAME wrote:`."""
_BEGINS = re.compile(r"(?:On|Am|Le|El|Il|Op|Em|Den|På|Dne|W dniu)\b")
_HAS_TIME = re.compile(r"\d{1,2}[:.h]\d\d|\b(?:19|20)\d\d\b|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
_FIELD = re.compile(r"\s*\**([^\W\d_][\w -]{0,19}?)\s*[:：]\**(?:\s|\Z)")
_SENDERS = frozenset(["from", "von", "de", "da", "van", "från", "fra", "od", "от", "发件人", "寄件者", "差出人"])
_OTHERS = frozenset(
    [
        "sent",
        "date",
        "gesendet",
        "datum",
        "envoyé",
        "enviado",
        "enviada",
        "el",
        "inviato",
        "data",
        "verzonden",
        "skickat",
        "sendt",
        "to",
        "an",
        "à",
        "para",
        "a",
        "aan",
        "till",
        "til",
        "subject",
        "betreff",
        "objet",
        "asunto",
        "oggetto",
        "onderwerp",
        "assunto",
        "ämne",
        "emne",
        "cc",
        "kopie",
        "отправлено",
        "дата",
        "кому",
        "тема",
        "копия",
        "发送时间",
        "收件人",
        "主题",
        "抄送",
        "寄件日期",
        "收件者",
        "主旨",
        "送信日時",
        "宛先",
        "件名",
    ]
)
_RULE = re.compile(r"\s*[_=-]{8,}\s*\Z")
_FOOT = re.compile(r"-- ?\Z|_{20,}\s*\Z|-{20,}\s*\Z")
_FOOT_LINES = 15
"""The most lines of a signature or of a mailing list's notice under a quoted message."""
_WRAPPED_LINES = 3
"""The most lines of `On ..., NAME wrote:`."""


def without_quoted(text: str, subject: str, refers: bool) -> tuple[str, int]:
    """Return the text of a mail without the message that it quotes whole at its end, and the number of its lines.

    :param refers: the mail says in its header that it answers another one.
    """
    lines = text.split("\n")
    if _FORWARD.match(subject) or not (refers or _REPLY.match(subject)):
        return text, 0
    span = _header_block(lines) or _unmarked(lines) or _marked(lines)
    if span is None:
        return text, 0
    start, end = span
    if not any(line.strip() for line in lines[:start]) or any(
        _FORWARDED.match(line.lstrip("> ")) for line in lines[:end]
    ):
        return text, 0
    quoted = sum(bool(line.strip("> \t")) for line in lines[start:end])
    above, below = "\n".join(lines[:start]).rstrip(), "\n".join(lines[end:]).strip("\n")
    return f"{above}\n\n{below}".rstrip(), quoted


def _header_block(lines: list[str]) -> tuple[int, int] | None:
    """Return the span from the lines with sender, date and subject of the quoted message, as Outlook writes them."""
    for number, line in enumerate(lines):
        original = bool(_ORIGINAL.fullmatch(line))
        if not (original or _is_header_block(lines[number : number + 8])):
            continue
        while number and not original and (not lines[number - 1].strip() or _RULE.match(lines[number - 1])):
            number -= 1
        return number, len(lines)
    return None


def _is_header_block(lines: list[str]) -> bool:
    """Tell whether lines begin with a sender, and have two other fields of a mail's header in the next lines."""
    first = _FIELD.match(lines[0])
    if not first or first[1].casefold() not in _SENDERS:
        return False
    others = 0
    for line in lines[1:]:
        match = _FIELD.match(line)
        others += bool(match and match[1].casefold() in _OTHERS)
    return others >= 2


def _unmarked(lines: list[str]) -> tuple[int, int] | None:
    """Return the span from `On ..., NAME wrote:` where the lines of the quoted message have no marks."""
    if any(line.startswith(">") for line in lines):
        return None
    for end, line in enumerate(lines, start=1):
        if not _ATTRIBUTED.search(line):
            continue
        start = _attribution(lines, end)
        if start is not None and not (start and lines[start - 1].strip()):
            return start, len(lines)
    return None


def _attribution(lines: list[str], end: int) -> int | None:
    """Return where the lines begin that say who wrote, and when, what is quoted from line `end` on."""
    for start in range(end - 1, max(-1, end - 1 - _WRAPPED_LINES), -1):
        if not lines[start].strip():
            return None
        text = " ".join(lines[start:end])
        if _HAS_TIME.search(text) and _WROTE.search(text):
            above = lines[start - 1] if start else ""
            return start - 1 if _BEGINS.match(above) and not _BEGINS.match(lines[start]) else start
    return None


def _marked(lines: list[str]) -> tuple[int, int] | None:
    """Return the span of the lines with `>`, if they are one block at the end, before at most a signature."""
    marked = [number for number, line in enumerate(lines) if line.startswith(">")]
    if not marked:
        return None
    start, end = marked[0], marked[-1] + 1
    if any(line.strip() and not line.startswith(">") for line in lines[start:end]) or not _is_foot(lines[end:]):
        return None
    above = start
    while above and not lines[above - 1].strip():
        above -= 1
    if above and _ATTRIBUTED.search(lines[above - 1]):
        begin = _attribution(lines, above)
        last = lines[above - 1]
        alone = _WROTE.search(last) or _HAS_TIME.search(last)
        start = begin if begin is not None else above - 1 if alone else start
    return start, end


def _is_foot(lines: list[str]) -> bool:
    """Tell whether what is under a quoted message is nothing, a signature or a notice of a mailing list."""
    shown = [line for line in lines if line.strip()]
    return not shown or (len(shown) <= _FOOT_LINES and bool(_FOOT.match(shown[0])))
