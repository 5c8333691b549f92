"""Recognises questions about the documents themselves, by rules: their subject, their number, and which mention a word.

The rules are for English, and each of them matches a whole question, so that no question about what the documents say
is taken for one of these: "How many documents are there?" is one, "How many documents do I need for a visa?" is not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from ragqa import text_analysis
from ragqa.question_analysis import analyse

Aim = Literal["about_all", "about_one", "list", "count", "mention", "pages"]

TYPES: dict[str, tuple[str, ...]] = {
    "PDF": (".pdf",),
    "Markdown": (".md", ".markdown", ".mdx"),
    "text": (".txt", ".text"),
    "HTML": (".html", ".htm"),
    "CSV": (".csv",),
    "TSV": (".tsv",),
    "JSON": (".json",),
    "JSON lines": (".jsonl", ".ndjson"),
    "Word": (".docx",),
    "OpenDocument": (".odt", ".ott", ".fodt", ".odp", ".otp", ".fodp"),
    "EPUB": (".epub",),
    "PowerPoint": (".pptx", ".pptm", ".ppsx", ".ppsm"),
    "RTF": (".rtf",),
    "reStructuredText": (".rst", ".rest"),
    "Org": (".org",),
    "AsciiDoc": (".adoc", ".asciidoc"),
    "LaTeX": (".tex", ".latex"),
    "notebook": (".ipynb",),
    "XML": (".xml",),
    "YAML": (".yaml", ".yml"),
    "TOML": (".toml",),
    "log": (".log",),
    "Python": (".py", ".pyi"),
}
"""The suffixes of each type of file, by its name."""

LONGEST = 300
"""The most characters of a question about documents."""
MOST_TERMS = 6
"""The most words of a phrase that is looked for in the documents. A longer one asks for what documents say."""

_SPOKEN = {
    "pdf": "PDF",
    "markdown": "Markdown",
    "md": "Markdown",
    "text": "text",
    "plain text": "text",
    "txt": "text",
    "html": "HTML",
    "web": "HTML",
    "csv": "CSV",
    "tsv": "TSV",
    "json": "JSON",
    "jsonl": "JSON lines",
    "ndjson": "JSON lines",
    "json lines": "JSON lines",
    "word": "Word",
    "docx": "Word",
    "powerpoint": "PowerPoint",
    "pptx": "PowerPoint",
    "epub": "EPUB",
    "opendocument": "OpenDocument",
    "odt": "OpenDocument",
    "odp": "OpenDocument",
    "rtf": "RTF",
    "restructuredtext": "reStructuredText",
    "rst": "reStructuredText",
    "org": "Org",
    "asciidoc": "AsciiDoc",
    "latex": "LaTeX",
    "tex": "LaTeX",
    "notebook": "notebook",
    "jupyter": "notebook",
    "xml": "XML",
    "yaml": "YAML",
    "toml": "TOML",
    "log": "log",
    "python": "Python",
}
_TYPE = rf"(?:\.?(?P<type>{'|'.join(sorted(_SPOKEN, key=len, reverse=True))}) )?"
_FILES = r"(?:documents?|docs?|files?|texts?|papers?)"
_POINTING = r"(?:this|these|those|my|our|your|all(?: of)?(?: the| these| those| my| our| your)?)"
_THESE = (
    rf"(?:(?:{_POINTING} |the )(?:whole |entire |indexed )*(?:folder|director(?:y|ies)|documents|docs|files|texts)|"
    rf"{_POINTING} (?:whole |entire |indexed )*(?:collection|corpus|archive|library|knowledge base|index|data ?set)|"
    r"all (?:documents|docs|files)|everything(?: here)?|(?:this|that) (?:document|file))"
)
_SHORT = r"(?:(?:an?|the) )?(?:very )?(?:short |brief |quick |concise |general |one-paragraph )*"
_SUMMARY_OF = (
    rf"(?:summari[sz]e|sum up|tl;?dr(?: of| for)?:?|(?:(?:write|give|show|get|make|i need|i want|i would like)(?: me| us)? )?"
    rf"{_SHORT}(?:summary|overview|synopsis|abstract) of)"
)
_POINTS_OF = r"(?:what are |list |give me )?(?:the )?(?:main |key |most important )(?:points|messages|takeaways|ideas|findings) (?:of|in|from)"

_ABOUT_ALL = (
    rf"what(?:'s| is| are) (?:all )?{_THESE}(?: all)? about",
    rf"what {_THESE} (?:is|are)(?: all)? about",
    rf"what(?:'s| is| are)(?: there)? in(?:side)? {_THESE}",
    rf"what do(?:es)? {_THESE} (?:cover|contain|hold|include|talk about|deal with|discuss|say)",
    rf"what (?:kinds?|sorts?|types?) of {_FILES} (?:are (?:there|here|these|in {_THESE})|do you have|does {_THESE} (?:have|contain))",
    rf"(?:what|which) (?:topics|subjects|themes) (?:are (?:there|here|covered)(?: (?:in|by) {_THESE})?|do(?:es)? {_THESE} (?:cover|have))",
    rf"what are (?:the )?(?:main |key |most important )?(?:topics|subjects|themes)(?: covered)?(?: of| in| by) {_THESE}",
    r"what (?:can|could|may|should) (?:i|we|one) ask(?: you)?(?: about)?(?: here)?",
    r"what (?:kinds? of |sorts? of )?questions (?:can|could|may) (?:i|we) ask(?: you)?(?: here)?",
    r"what (?:kinds? of |sorts? of )?questions can you answer",
    r"what (?:can|do) you (?:answer|know)(?: about)?",
    rf"(?:{_SUMMARY_OF}|{_POINTS_OF}|describe) {_THESE}",
    rf"(?:give me |i need )?{_SHORT}(?:summary|overview)",
    r"summari[sz]e",
)
_LIST = (
    rf"(?:list|show|name)(?: me| us)?(?: all)?(?: of)?(?: the| my| our| your)? {_TYPE}{_FILES}(?: here| there are| in {_THESE}| (?:that )?you (?:have|know))?",
    rf"(?:what|which) {_TYPE}{_FILES} (?:are (?:there|here|available|indexed|in {_THESE}|there in {_THESE})|do you (?:have|know)|have you(?: got| read| indexed)?|exist|can you (?:read|see))",
    rf"(?:list|show)(?: me)?(?: all)?(?: of)?(?: the)? {_TYPE}{_FILES} (?:in|inside|below|under) (?P<what>.+)",
    rf"(?:what|which) {_TYPE}{_FILES} are (?:there )?(?:in|inside|below|under) (?P<what>.+)",
)
_THERE = rf"(?:are (?:there|here|indexed|available)|do you (?:have|know)|have you (?:got|read|indexed)|exist|in total|here|there|(?:are |is )?in {_THESE}|do(?:es)? {_THESE} (?:have|contain|hold))"
_COUNT = (
    rf"how many {_TYPE}(?:{_FILES})(?: {_THERE})*",
    rf"how many {_FILES}(?: are)?(?: of)?(?: the)? type \.?(?P<type>{'|'.join(_SPOKEN)})(?: {_THERE})*",
    r"how many \.?(?P<type>pdf|csv|docx|html|tsv|markdown)s(?: files)?" + rf"(?: {_THERE})*",
    rf"how many {_TYPE}{_FILES} (?:are |is )?(?:there )?(?:in|inside|below|under) (?P<what>.+)",
    rf"how many {_TYPE}{_FILES} do(?:es)? (?P<what>.+) (?:have|contain|hold)",
    rf"(?:what is )?the number of {_TYPE}{_FILES}(?: in {_THESE})?",
)
_EXACT = r"mention(?:s|ed|ing)?|refer(?:s|red|ring)? to|reference(?:s|d)?|contains? the (?:words?|phrase|terms?|name)"
_LOOSE = r"talks? about|talking about|discuss(?:es)?|covers?|describes?|deals? with|(?:is |are )?about|contains?|(?:are |is )on"
_WHICH = (
    rf"(?:(?:which|what|how many|list(?: me)?(?: all)?(?: the)?|find(?: me)?(?: all)?(?: the)?|show(?: me)?(?: all)?(?: the)?|name(?: all)?(?: the)?|are there(?: any)?|"
    rf"is there(?: an?y?)?|do any|does any) (?:of )?(?:the |these |those |my |our |your )?{_TYPE}{_FILES}(?: here)?(?: are there)?(?: that| which)?)"
)
_MENTION = (
    rf"{_WHICH} (?:(?P<exact>{_EXACT})|{_LOOSE}) (?P<what>.+)",
    rf"in (?:which|what|how many) {_TYPE}{_FILES} (?:is|are|was|were) (?P<what>.+) (?P<exact>mentioned|named|referred to|discussed|described)",
    rf"in (?:which|what|how many) {_TYPE}{_FILES} do(?:es)? (?P<what>.+) (?P<exact>occur|appear)",
    rf"how (?:many times|often) (?:is|are|was|were|does|do) (?P<what>.+) (?P<exact>mentioned|occur|appear)(?: in {_THESE})?",
    rf"where (?:is|are|was|were) (?P<what>.+) (?P<exact>mentioned)(?: in {_THESE})?",
    rf"(?:is|are) (?P<what>.+) (?P<exact>mentioned) (?:anywhere|in any (?:of (?:the|these) )?{_FILES}|in {_THESE})",
)
_ABOUT_ONE = (
    rf"(?:{_SUMMARY_OF}|{_POINTS_OF}) (?P<what>.+)",
    r"what(?:'s| is| are) (?P<what>.+?) (?:all )?about",
    r"what (?P<what>.+?) (?:is|are) (?:all )?about",
    r"what do(?:es)? (?P<what>.+)(?<! not) (?:cover|contain|say|deal with|talk about|discuss)",
    r"what(?:'s| is) in(?:side)? (?P<what>.+)",
    r"(?P<what>.+?)[:,]? in (?:short|brief|a nutshell)",
)
_PAGES = (
    r"how many pages (?:do(?:es)?|has|have|are there in|are in|long is) (?P<what>.+?)(?: have| contain)?",
    r"how long is (?P<what>.+)",
)
_RULES: tuple[tuple[Aim, tuple[str, ...]], ...] = (
    ("about_all", _ABOUT_ALL),
    ("list", _LIST),
    ("count", _COUNT),
    ("mention", _MENTION),
    ("pages", _PAGES),
    ("about_one", _ABOUT_ONE),
)
_REQUEST = re.compile(
    r"^(?:please )?(?:(?:can|could|would|will) you )?(?:please )?(?:tell me |show me )?", re.IGNORECASE
)
_ENDING = re.compile(
    r"(?:[\s?.!]|,? please|,? for me|,? thanks| in (?:a few|one|two|three|some) (?:words|sentences?))+$", re.IGNORECASE
)
_WORD = re.compile(r"^(?:(?:the )?(?:words?|phrase|terms?|name)s? (?=[\"'“‘])|the word )", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:the|an?) (?=\S)", re.IGNORECASE)
_OF_THESE = re.compile(rf" (?:in {_THESE}|are there|there are|do you have)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CatalogueQuestion:
    """A question about the documents themselves.

    `what` is the name of a document or folder, or the phrase that documents mention; empty for all documents. `type` is a key of
    `TYPES`, empty for all types. `exact` is False where the question asks what documents are about, for which the
    phrase need not stand in them.
    """

    aim: Aim
    what: str = ""
    type: str = ""
    exact: bool = True


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile a rule when it is first needed: together they take a tenth of a second, and a search needs none."""
    return re.compile(pattern, re.IGNORECASE)


def recognise(question: str) -> CatalogueQuestion | None:
    """Return what a question asks about the documents themselves; None for every other question."""
    if len(question) > LONGEST:
        return None
    core = _ENDING.sub("", " ".join(question.split()).replace("’", "'"))
    texts = dict.fromkeys([_REQUEST.sub("", core), _REQUEST.sub("", _ENDING.sub("", analyse(core).core))])
    for text in texts:
        for aim, patterns in _RULES:
            for pattern in patterns:
                if (match := _compiled(pattern).fullmatch(text)) and (found := _of_match(aim, match)):
                    return found
    return None


def _of_match(aim: Aim, match: re.Match[str]) -> CatalogueQuestion | None:
    groups = match.groupdict()
    what = (groups.get("what") or "").strip(" \"'“”‘,:")
    if aim == "mention":
        what = _ARTICLE.sub("", _WORD.sub("", _OF_THESE.sub("", groups["what"]))).strip(" \"'“”‘’")
        if not 0 < len(text_analysis.content_words(what)) <= MOST_TERMS:
            return None
    if aim in ("about_one", "pages") and not what:
        return None
    spoken = _SPOKEN.get((groups.get("type") or "").lower(), "")
    return CatalogueQuestion(aim, what, spoken, aim != "mention" or bool(groups.get("exact")))
