"""Two normal forms of an answer, in which texts are compared: that of the SQuAD script, and a strict one.

`squad_form` drops all ASCII punctuation, so that 3.5 is 35, -5 is 5 and C# is C++, and it knows no other punctuation.
`strict_form` keeps every mark that carries a meaning, and gives equal Unicode spellings the same form.
"""

from __future__ import annotations

import re
import string
import unicodedata

JOINTS = (" ", "")
"""What may stand for a hyphen or a slash within a word. "well-known" is "well known", and "e-mail" is "email"."""

_SQUAD_ARTICLES = re.compile(r"\b(a|an|the)\b")
_SQUAD_PUNCTUATION = str.maketrans("", "", string.punctuation)

_POWER = re.compile(r"(?<=\d)(?=[\u2070\u00b9\u00b2\u00b3\u2074-\u2079\u207a\u207b])")
_FRACTION = re.compile(r"(?<=\d)(?=[\u00bc-\u00be\u2150-\u215e])")
_NARROW_SPACE = re.compile(r"(?<=\d)[\u00a0\u2007\u2009\u202f](?=\d{3}(?!\d))")
_ONE_FORM = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201b\u2032\u02bc`", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2e3a\u2e3b\u301c\u3030", "-"),
        **dict.fromkeys("\u2044\u2215", "/"),
    }
)
_ARTICLE = re.compile(
    r"(?<![^\s\"'(\[{\u201c\u201e\u00ab*_])(?:an?|the)(?=\s+[^\W_]|\s+[\"'(\[{\u201c])", re.IGNORECASE
)
_WITHIN_SENTENCE = re.compile(r"[^\W_][,\"')\]]*\s+\Z")
_THOUSANDS = re.compile(r"(?<=\d)[,'](?=\d{3}(?!\d))")
_UNIT_SPACE = re.compile(r"(?<=\d)\s+(?=[%\u2030\u00b0])|(?<=[$\u20ac\u00a3\u00a5])\s+(?=\d)")
_RANGE_SPACE = re.compile(r"(?<=\d)\s+-\s+(?=\d)")
_BARE_POINT = re.compile(r"(?<![\w.])\.(?=\d)")
_TRAILING_SIGN = re.compile(r"(?<!\w)([A-Z][A-Za-z]?)-(?![\w-])")
_KEPT_MINUS = "\u2212"
"""The form of a sign while punctuation is dropped; it is not punctuation."""
_SIGN = re.compile(r"(?<![\w)\].%-])-(?=[$\u20ac\u00a3\u00a5]?\d)")
_MARK = re.compile(r"[^\w\s]|_")


def squad_form(text: str) -> str:
    """Lower the case, drop ASCII punctuation, drop the words a, an and the, and squeeze white space, in this order.

    This is the normalisation of the official script of SQuAD.
    """
    return " ".join(_SQUAD_ARTICLES.sub(" ", text.lower().translate(_SQUAD_PUNCTUATION)).split())


def strict_form(text: str, joint: str = " ") -> str:
    """Return a text without case, without punctuation and articles that carry no meaning, in one Unicode form.

    Kept are marks between two digits (a decimal point, a slash, a colon), the sign of a number, a percent sign, the
    marks of names such as C# and A-, and all symbols. An article counts only before a word, so that "A" and "vitamin A"
    keep their A, as does a capital A within a sentence. Thousands separators are dropped. Only a blank text has an
    empty form.

    :param joint: see `JOINTS`.
    """
    folded = _one_form(text)
    marked = _SIGN.sub(_KEPT_MINUS, _TRAILING_SIGN.sub(rf"\1{_KEPT_MINUS}", _numbers(_without_articles(folded))))
    kept = _MARK.sub(lambda mark: _kept(marked, mark.start(), joint), marked)
    words = unicodedata.normalize("NFKC", kept.replace(_KEPT_MINUS, "-").casefold()).split()
    return " ".join(words or folded.casefold().split() or text.split())


def loses_meaning(answer: str) -> bool:
    """Tell whether `squad_form` drops something of an answer that `strict_form` keeps."""
    strict = strict_form(answer)
    return bool(strict) and squad_form(strict) != strict


def _one_form(text: str) -> str:
    """Return a text in NFKC, with one kind of apostrophe, hyphen, slash and digit, and without invisible characters.

    NFKC alone would make 102 of 10 to the power of 2, and 31/2 of 3 and a half.
    """
    apart = _NARROW_SPACE.sub("", _FRACTION.sub(" ", _POWER.sub("^", text.replace("\u00b4", "'"))))
    folded = unicodedata.normalize("NFKC", apart).translate(_ONE_FORM)
    return "".join(_digit(character) for character in folded if unicodedata.category(character) != "Cf")


def _digit(character: str) -> str:
    """Return a decimal digit of any script as one of 0 to 9, and any other character as it is."""
    return str(unicodedata.decimal(character, character))


def _without_articles(text: str) -> str:
    def kept(article: re.Match[str]) -> str:
        names = article.group() == "A" and _WITHIN_SENTENCE.search(text, max(0, article.start() - 8), article.start())
        return "A" if names else " "

    return _ARTICLE.sub(kept, text)


def _numbers(text: str) -> str:
    """Return a text with one form of its numbers: 1250, 0.5, 5%, 10-20."""
    text = _RANGE_SPACE.sub("-", _UNIT_SPACE.sub("", _THOUSANDS.sub("", text)))
    return _BARE_POINT.sub("0.", text)


def _kept(text: str, at: int, joint: str) -> str:
    """Return what stands for the mark at an offset: itself, a joint within a word, or white space."""
    mark = text[at]
    before, after = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    if before.isdigit() and after.isdigit():
        return mark
    if mark == "." and after.isalpha() and (not before or before.isspace()):  # a name such as .NET
        return mark
    if mark == "+" and after.isdigit() and not before.isalnum():
        return ""
    if unicodedata.category(mark)[0] != "P":
        return mark
    if (mark in "%\u2030" and before.isdigit()) or (mark == "#" and before.isalpha()):
        return mark
    if mark == "&" or not (_is_of_word(before) and _is_of_word(after)):
        return " "
    return "" if mark in ".'" else joint


def _is_of_word(character: str) -> bool:
    return bool(character) and unicodedata.category(character)[0] in "LMN"
