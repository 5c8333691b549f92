"""The words by which questions are analysed. They are for English."""

from __future__ import annotations

from ragqa import text_analysis

_MONTHS = "january february march april may june july august september october november december"
_DAYS = "monday tuesday wednesday thursday friday saturday sunday"
_TIMES = """
century centuries decade decades spring summer autumn winter morning evening afternoon night noon midnight today yesterday
tomorrow bc bce clock seconds minute minutes hour hours days week weeks month months year years daily weekly monthly
yearly annually quarterly weekend easter christmas
"""
_PREPOSITIONS = "with without of in on at by for from to over under between about after before during until"
_NUMBERS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred
hundreds thousand thousands million millions billion billions trillion half third quarter once twice
thrice dozen dozens daily weekly monthly annually yearly no none several both single double free nothing
"""
_NO_NAMES = """
i list name give tell describe explain summarize summarise compare please hi hello many much yes no
ok okay define is does could whats what's who's how's where's let's i'm i'd mr mrs ms dr
"""
_COMPARING = "difference differ different compare comparison better versus distinguish"

DATE = frozenset(f"{_MONTHS} {_DAYS} {_TIMES}".split()) | frozenset(month[:3] for month in _MONTHS.split())
"""Words that tell a date or a time."""
NO_PERSON = frozenset(_PREPOSITIONS.split())
"""Words with which no name of a person or a body begins that is written in small letters."""
NUMBER = frozenset(_NUMBERS.split())
"""Words that tell a number."""
NO_NAME = text_analysis.STOP_WORDS | frozenset(_NO_NAMES.split())
"""Words that are no names, also with a capital letter."""
ASKING = {
    "compare": frozenset(text_analysis.terms(_COMPARING)),
    "definition": frozenset(text_analysis.terms("stand mean meaning definition define")),
}
"""The terms by which a question asks for a comparison or a definition; an excerpt need not have them."""
