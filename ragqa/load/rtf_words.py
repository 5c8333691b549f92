"""The words of RTF: destinations, characters, and code pages of fonts."""

from __future__ import annotations

import codecs
import re

TOKEN = re.compile(
    rb"\\([A-Za-z]{1,32})(-?\d{1,10})? ?|\\'([0-9A-Fa-f]{2})|\\(\r\n|[^A-Za-z])|([{}])|[\r\n\0]+|([^\\{}\r\n\0]+)",
    re.DOTALL,
)
"""A control word with its number, the code of a character, a control symbol, a brace, or characters."""
_CHARSETS = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gb18030", 136: "cp950", 161: "cp1253",
    162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
    254: "cp437", 255: "cp850",
}  # fmt: skip
SYMBOL_CHARSET = 2
"""The number of the character set of fonts such as Symbol and Wingdings."""
CODE_PAGES = {"ansi": "cp1252", "mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
"""The control words at the beginning of a file that name its code page."""
_PAGE_NAMES = {
    10000: "mac_roman",
    10001: "shift_jis",
    10007: "mac_cyrillic",
    65001: "utf-8",
    936: "gb18030",
    1361: "johab",
}
WORDS = {
    "tab": "\t", "line": "\n", "lbr": "\n", "emdash": "\u2014", "endash": "\u2013", "lquote": "\u2018", "rquote": "\u2019",
    "ldblquote": "\u201c", "rdblquote": "\u201d", "bullet": "\u2022", "emspace": "\u2003", "enspace": "\u2002",
    "qmspace": "\u2005", "zwj": "\u200d", "zwnj": "\u200c", "page": "\n", "column": "\n", "softline": "\n",
}  # fmt: skip
"""Control words that stand for a character."""
SYMBOLS = {"~": "\u00a0", "_": "\u2011", "\t": "\t", "{": "{", "}": "}", "\\": "\\"}
"""Control symbols that stand for a character. Others, such as the optional hyphen, stand for none."""
FLOWS = {
    "footnote": "notes", "annotation": "comments", "header": "margins", "headerl": "margins", "headerr": "margins",
    "headerf": "margins", "footer": "margins", "footerl": "margins", "footerr": "margins", "footerf": "margins",
}  # fmt: skip
"""The flow of text of each destination that has one."""
_SKIPPED = (
    "colortbl listtable listoverridetable rsidtbl fldinst pict nonshppict object xe tc rxe txe nonesttables shprslt do "
    "filetbl revtbl themedata colorschememapping datastore latentstyles generator xmlnstbl pgptbl bkmkstart bkmkend "
    "ftnsep ftnsepc aftnsep aftnsepc ftncn aftncn sp private mmathPict"
)
SKIPPED = frozenset(_SKIPPED.split())
"""Destinations without text of the document."""
ENTERED = frozenset(
    {"shpinst", "shppict", "ud", "nesttableprops", "annotation", "atnauthor", "moMath", "moMathPara", "formfield"}
)
"""Destinations that are marked as optional, and hold text or pictures all the same."""
INFO = {"title": "title", "subject": "subject", "author": "author", "keywords": "keywords"}
"""The properties of a document that are read, by their destinations."""
BULLETS = frozenset("\u2022\u00b7\u25aa\u25a0\u25cf\u25cb\u2666\u27a2\u2713\u2756\uf0b7\ufffdo§ü")
"""The text of a list item's mark that is written as a dash."""


def code_page(number: int) -> str | None:
    """Return the codec of a code page; None where Python has none."""
    name = _PAGE_NAMES.get(number, f"cp{number}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None


def of_charset(number: int) -> str | None:
    """Return the codec of a font's character set; None where it is that of the file."""
    return _CHARSETS.get(number)


def without_halves(text: str) -> str:
    """Return a text in which two halves of a character that were written one by one are that character."""
    if not any("\ud800" <= sign <= "\udfff" for sign in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
