"""Words of one family that no stemmer brings together: irregular verbs, and measures beside their adjectives.

A question says "Who wrote it?" and "How long is it?" where a document says "written by" and "length". Only the ranking of
excerpts knows these; the index has the stems of words as they are.
"""

from __future__ import annotations

from ragqa import text_analysis
from ragqa.evidence.columns import MEASURES

_FAMILIES = """
bear bore borne born birth
become became
begin began begun
break broke broken
bring brought
build built builder
buy bought buyer
catch caught
choose chose chosen choice
come came
deal dealt
die died dead death
draw drew drawn
drink drank drunk
drive drove driven
eat ate eaten
fall fell fallen
feed fed
feel felt
fight fought
find found
fly flew flown flight
forbid forbade forbidden
forget forgot forgotten
freeze froze frozen
get got gotten
give gave given
go went gone
grow grew grown growth
hear heard
hide hid hidden
hold held holder
keep kept
know knew known
lay laid
lead led leader
leave left
lend lent loan
live life
lose lost loss
make made maker
marry married marriage wife husband
mean meant
meet met
pay paid payment
ride rode ridden
ring rang rung
rise rose risen
run ran
say said
see saw seen
seek sought
sell sold seller sale
send sent
shake shook shaken
shoot shot
show showed shown
shrink shrank shrunk
sing sang sung
sink sank sunk
sit sat
sleep slept
speak spoke spoken
spend spent
stand stood
steal stole stolen
strike struck
swear swore sworn
swim swam swum
take took taken
teach taught teacher
tear tore torn
tell told
think thought
throw threw thrown
understand understood
wear wore worn
win won winner
write wrote written writer author
"""
_FIRST = {
    text_analysis.term(word): text_analysis.term(first)
    for first, words in (*((line.split()[0], line) for line in _FAMILIES.strip().splitlines()), *MEASURES)
    for word in words.split()
}


def family(term: str) -> str:
    """Return the term that stands for the family of a search term; the term itself where it has none."""
    return _FIRST.get(term, term)
