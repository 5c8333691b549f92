"""Formulas in MathML -> linear text: `x = (-b + sqrt(b^2 - 4ac))/(2a)`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from lxml.html import HtmlElement as Element

_DEPTH = 60
"""The deepest nesting that is read as a formula; what is deeper is read as words."""
_SPACED = frozenset("=≠≈≡≅∼<>≤≥≪≫+−-±∓×·⋅÷∈∉⊂⊆⊃⊇∪∩∧∨→←↔⇒⇐⇔↦∝∣∥⊥")
"""Operators that have a space on either side between two operands."""
_OPENING = frozenset("([{⟨|‖,;")
_INVISIBLE = {"\u2061": " ", "\u2062": "", "\u2063": ",", "\u2064": "+"}
"""Function application, and invisible times, separator and plus."""
_ACCENTS = {"¯": "bar", "‾": "bar", "^": "hat", "ˆ": "hat", "~": "tilde", "˜": "tilde", "→": "vec", "⃗": "vec",
            "˙": "dot", "¨": "ddot", "_": "bar", "―": "bar"}  # fmt: skip
_SIMPLE = re.compile(r"[-−]?[^\W_][\w.,′']*|\W")
_TEX_STYLE = re.compile(r"\\(?:display|text|script|scriptscript)style\b\s*")
_TOKENS = ("mi", "mn", "mo", "mtext", "ms")
_OPERANDS = ("mfrac", "msup", "mroot")
"""Elements each of whose parts is read as one: `e^(ix)`, `1/(2a)`. A subscript of several names is one word, `a_ij`."""
_UNREAD = ("annotation", "annotation-xml", "mphantom", "maligngroup", "malignmark", "none", "mprescripts")


def linear(formula: Element) -> str:
    """Return a formula on one line; its TeX where it has nothing else."""
    text = " ".join(_read(formula, 0).split())
    return text or _tex(formula)


def _tex(formula: Element) -> str:
    for note in formula.iter("annotation"):
        if "tex" in (note.get("encoding") or "").lower():
            return without_style(note.text_content())
    return " ".join((formula.get("alttext") or "").split())


def without_style(tex: str) -> str:
    """Return TeX on one line, without the command for its size and the braces around it."""
    text = _TEX_STYLE.sub("", " ".join(tex.split()))
    return text[1:-1].strip() if text.startswith("{") and text.endswith("}") else text


def _read(element: Element, depth: int) -> str:
    if depth > _DEPTH:
        return " ".join(" ".join(element.itertext()).split())
    tag = _local(element)
    if tag in _UNREAD:
        return ""
    if tag in _TOKENS:
        return " ".join("".join(_INVISIBLE.get(c, c) for c in element.text_content()).split(" ")).strip("\t\n\r ")
    if tag == "mspace":
        return " "
    children = [each for each in element if isinstance(each.tag, str)]
    if tag == "semantics":
        children = children[:1]
    parts = [_read(each, depth + 1) for each in children]
    written = _of_parts(tag, element, children, parts)
    return _row(zip(children, parts, strict=True)) if written is None else written


def _of_parts(tag: str, element: Element, children: Sequence[Element], parts: Sequence[str]) -> str | None:
    """Return the text of an element whose children have fixed places; None where they follow one another as in a row."""
    if tag in _OPERANDS:
        parts = [_whole(child, part) for child, part in zip(children, parts, strict=True)]
    if tag == "mfrac" and len(parts) == 2:
        return f"{_grouped(parts[0])}/{_grouped(parts[1])}"
    if tag == "msqrt":
        return f"sqrt({_row(zip(children, parts, strict=True))})"
    if tag == "mroot" and len(parts) == 2:
        return f"{_grouped(parts[0])}^(1/{_grouped(parts[1])})"
    if tag in ("msup", "mover") and len(parts) == 2:
        accent = _ACCENTS.get(parts[1].strip()) if tag == "mover" else None
        return f"{accent}({parts[0]})" if accent else _with(parts[0], "", parts[1])
    if tag in ("msub", "munder") and len(parts) == 2:
        return _with(parts[0], parts[1], "")
    if tag in ("msubsup", "munderover") and len(parts) == 3:
        return _with(*parts)
    if tag == "mmultiscripts" and len(parts) > 2:
        return _with(parts[0], parts[1], parts[2])
    if tag == "mfenced":
        separator = (element.get("separators") or ",")[0]
        return f"{element.get('open', '(')}{(separator + ' ').join(parts)}{element.get('close', ')')}"
    if tag == "mtable":
        return "; ".join(parts)
    if tag in ("mtr", "mlabeledtr"):
        return ", ".join(part for part in parts if part)
    return None


def _with(base: str, below: str, above: str) -> str:
    """Return a base with its subscript and its superscript."""
    text = _grouped(base) if base else ""
    text += f"_{_grouped(below)}" if below.strip() else ""
    if above.strip() in ("′", "″", "'", "*", "†", "°"):
        return text + above.strip()
    return text + (f"^{_grouped(above)}" if above.strip() else "")


def _whole(element: Element, text: str) -> str:
    """Return the text of an element; in parentheses where names side by side would read as one, such as `2a`."""
    names = [each for each in element.iter() if _local(each) in ("mi", "mn", "mtext") and each.text]
    text = text.strip()
    return f"({text})" if len(names) > 1 and not text.isdecimal() and _SIMPLE.fullmatch(text) else text


def _local(element: Element) -> str:
    """Return the name of an element without a prefix."""
    return str(element.tag).rpartition(":")[2]


def _grouped(text: str) -> str:
    """Return a text in parentheses unless it is one number, name or sign, or is in parentheses already."""
    text = " ".join(text.split())
    enclosed = text.startswith("(") and text.endswith(")") and text.count("(") == 1
    return text if not text or enclosed or _SIMPLE.fullmatch(text) else f"({text})"


def _row(parts: Iterable[tuple[Element, str]]) -> str:
    """Return the parts of a row, with spaces around operators between operands, and between two names or numbers."""
    text = ""
    for element, part in parts:
        last = text.rstrip()[-1:]
        operator = _local(element) == "mo"
        if operator and part in _SPACED and last and last not in _SPACED and last not in _OPENING:
            text = f"{text.rstrip()} {part} "
        elif _meets(text, part):
            text += f" {part}"
        else:
            text += f"{part} " if operator and part in (",", ";") else part
    return text


def _meets(text: str, part: str) -> bool:
    """Tell whether two parts would read as one number, name or power if nothing stood between them."""
    if not text[-1:].isalnum() or not part[:1].isalnum():
        return False
    name = re.search(r"[^\W\d_]+$", text)
    names = (name is not None and len(name.group()) > 1) or (len(part) > 1 and part.isalpha())
    return part[0].isdigit() or names or re.search(r"[_^]\w+$", text) is not None
