r"""Equations of Office (OMML) -> one line of text.

Letters, digits and operators stay as they are seen. Structures are written as in TeX: `\frac{a}{b}`, `\sqrt{x}`,
`x^2`, `\sum_{k=1}^{n} k`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ragqa.load.ooxml import qn

_OPERATORS = {
    "∑": r"\sum", "∏": r"\prod", "∐": r"\coprod", "∫": r"\int", "∬": r"\iint", "∭": r"\iiint", "∮": r"\oint",
    "∯": r"\oiint", "∰": r"\oiiint", "⋃": r"\bigcup", "⋂": r"\bigcap", "⋁": r"\bigvee", "⋀": r"\bigwedge",
}  # fmt: skip
_ACCENTS = {
    "\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0305": "overline", "\u0306": "breve", "\u0307": "dot",
    "\u0308": "ddot", "\u030c": "check", "\u20d7": "vec", "¯": "bar", "^": "hat", "~": "tilde",
}  # fmt: skip
_BRACES = {"⏟": "underbrace", "⏞": "overbrace"}
_PLAIN = re.compile(r"[^\W_]+|.")
"""What needs no braces as the base of a power."""
_SCRIPTS = {qn(f"m:{name}") for name in ("sSup", "sSub", "sSubSup", "limLow", "limUpp")}
_SKIPPED = {qn(name) for name in ("w:del", "w:moveFrom", "w:rPr", "m:ctrlPr")}


def linear(element: Any) -> str:
    """Return the text of an equation, or of any element within one."""
    if element.tag in (qn("m:t"), qn("w:t")):
        return element.text or ""
    local = element.tag.rpartition("}")[2]
    if local in _STRUCTURES and element.tag == qn(f"m:{local}"):
        return _STRUCTURES[local](element)
    if element.tag in _SKIPPED or (local.endswith("Pr") and element.tag == qn(f"m:{local}")):
        return ""
    return _together(element)


def _together(element: Any) -> str:
    """Return the text of an element's children, with a space where a letter would continue a power or an index."""
    text, after_script = "", False
    for child in element.iterchildren():
        own = linear(child)
        text += " " + own if after_script and text[-1:].isalnum() and own[:1].isalnum() else own
        after_script = child.tag in _SCRIPTS if own else after_script
    return text


def _part(element: Any, name: str) -> str:
    child = element.find(qn(f"m:{name}"))
    return linear(child).strip() if child is not None else ""


def _property(element: Any, name: str, default: str = "") -> str:
    """Return a property of a structure. One that is there and has no value is empty, or "on" for a switch."""
    child = element.find(f"{qn('m:' + element.tag.rpartition('}')[2] + 'Pr')}/{qn('m:' + name)}")
    return default if child is None else str(child.get(qn("m:val"), ""))


def _is_on(element: Any, name: str) -> bool:
    return _property(element, name, "0") not in ("0", "off", "false")


def _script(mark: str, text: str) -> str:
    return "" if not text else mark + text if len(text) == 1 else f"{mark}{{{text}}}"


def _with_scripts(element: Any) -> str:
    base = _part(element, "e")
    base = base if _PLAIN.fullmatch(base) or base[:1] + base[-1:] == "()" else f"{{{base}}}"
    return base + _script("_", _part(element, "sub")) + _script("^", _part(element, "sup"))


def _before(element: Any) -> str:
    return "{}" + _script("_", _part(element, "sub")) + _script("^", _part(element, "sup")) + _part(element, "e")


def _fraction(element: Any) -> str:
    above, below = _part(element, "num"), _part(element, "den")
    kind = _property(element, "type", "bar")
    if kind == "lin":
        return f"{above}/{below}"
    return rf"\binom{{{above}}}{{{below}}}" if kind == "noBar" else rf"\frac{{{above}}}{{{below}}}"


def _root(element: Any) -> str:
    degree = "" if _is_on(element, "degHide") else _part(element, "deg")
    return rf"\sqrt{f'[{degree}]' if degree else ''}{{{_part(element, 'e')}}}"


def _operator(element: Any) -> str:
    sign = _property(element, "chr", "∫")
    below = "" if _is_on(element, "subHide") else _part(element, "sub")
    above = "" if _is_on(element, "supHide") else _part(element, "sup")
    scripts = _script("_", below) + _script("^", above)
    return f" {_OPERATORS.get(sign, sign)}{scripts} {_part(element, 'e')}".rstrip()


def _delimited(element: Any) -> str:
    within = _property(element, "sepChr", "|").join(linear(e).strip() for e in element.iterchildren(qn("m:e")))
    return _property(element, "begChr", "(") + within + _property(element, "endChr", ")")


def _function(element: Any) -> str:
    name, argument = _part(element, "fName"), _part(element, "e")
    return f"{name}{'' if argument.startswith('(') else ' '}{argument}"


def _limit(mark: str) -> Callable[[Any], str]:
    return lambda element: _part(element, "e") + _script(mark, _part(element, "lim"))


def _accent(element: Any) -> str:
    sign = _property(element, "chr", "\u0302")
    return rf"\{_ACCENTS.get(sign, f'overset{{{sign}}}')}{{{_part(element, 'e')}}}"


def _bar(element: Any) -> str:
    return rf"\{'overline' if _property(element, 'pos') == 'top' else 'underline'}{{{_part(element, 'e')}}}"


def _grouped(element: Any) -> str:
    sign = _property(element, "chr", "⏟")
    side = "overset" if _property(element, "pos") == "top" else "underset"
    return rf"\{_BRACES.get(sign, f'{side}{{{sign}}}')}{{{_part(element, 'e')}}}"


def _matrix(element: Any) -> str:
    rows = (
        " & ".join(linear(cell).strip() for cell in row.iterchildren(qn("m:e")))
        for row in element.iterchildren(qn("m:mr"))
    )
    return r"\begin{matrix}" + r" \\ ".join(rows) + r"\end{matrix}"


def _lines(element: Any) -> str:
    """Return the equations of an array. The `&` in them are marks at which Word aligns them."""
    return r" \\ ".join(linear(e).replace("&", "").strip() for e in element.iterchildren(qn("m:e")))


_STRUCTURES: dict[str, Callable[[Any], str]] = {
    "f": _fraction, "rad": _root, "sSup": _with_scripts, "sSub": _with_scripts, "sSubSup": _with_scripts,
    "sPre": _before, "nary": _operator, "d": _delimited, "func": _function, "limLow": _limit("_"),
    "limUpp": _limit("^"), "acc": _accent, "bar": _bar, "groupChr": _grouped, "m": _matrix, "eqArr": _lines,
}  # fmt: skip
