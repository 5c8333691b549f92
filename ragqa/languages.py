"""The language of a text, and the terms by which a text in a language other than English is searched.

The common terms (`text_analysis.terms`) are stemmed as English, and in scripts without spaces they are single characters.
So a text in another language has further terms: stems of its own language, marked with it (`de:haus`), and pairs of
neighbouring characters (`~東京`). A question in the same language has them too.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

import Stemmer

from ragqa import text_analysis

_FUNCTION_WORDS = {
    "German": "der die das und ist wie viel viele wer wann wo warum welche welcher fur mit pro ein eine nicht im auf kann ich wird den dem von zu sich auch",
    "French": "ete sont le la les des du est qui que quoi quand ou pourquoi comment combien une dans pour avec je sur quel quelle et un au ne pas ce",
    "Spanish": "el la los las del es quien que cuando donde como cuanto cuanta por para con una se fue en cual esta y un su al lo",
    "Italian": "il lo gli della del e chi che cosa quando dove perche come quanto una con per nel quale di un la sono non si dei",
    "Portuguese": "o os da do e quem que quando onde porque como quanto uma com para nao em qual um ao na no se as dos",
    "Dutch": "de het een en is wie wat wanneer waar waarom hoe hoeveel voor met niet kan ik welke van te dat op aan zijn wordt",
    "Swedish": "och att det som en ett ar av for med inte den pa till hur vad nar var vem vilken kan jag om fran",
    "Danish": "og at det som en et er af for med ikke den pa til hvordan hvad hvornar hvor hvem hvilken kan jeg om fra",
    "Norwegian": "og at det som en et er av for med ikke den pa til hvordan hva nar hvor hvem hvilken kan jeg om fra",
    "Finnish": "ja on ei se etta kun mika missa milloin miten kuka mutta myos ovat oli han joka kuin niin sen",
    "Hungarian": "az es hogy nem van egy ki mi mikor hol miert mennyi hogyan ez is volt csak meg vagy",
    "Romanian": "si este nu cu pentru cine ce cand unde cum cat care sunt din la pe o un mai sa al",
    "Turkish": "ve bir bu ne kim nerede nasil neden kac icin ile degil mi var cok daha gibi olan da de",
}
"""Function words of languages in Latin letters, without accents."""
_SCRIPTS = {
    "Russian": re.compile(r"[\u0400-\u04ff]"),
    "Greek": re.compile(r"[\u0370-\u03ff]"),
    "Arabic": re.compile(r"[\u0600-\u06ff]"),
    "Hindi": re.compile(r"[\u0900-\u097f]"),
}
"""Languages by their script; other languages in these scripts are stemmed as these are."""
_OF_SCRIPTS = re.compile("|".join(each.pattern for each in _SCRIPTS.values()))
_LETTER = re.compile(r"[^\W\d_]")
_SETS = {name: frozenset(words.split()) for name, words in _FUNCTION_WORDS.items()}
_OF_ANY = frozenset().union(*_SETS.values())
_CODES = {
    "German": "de", "French": "fr", "Spanish": "es", "Italian": "it", "Portuguese": "pt", "Dutch": "nl", "Swedish": "sv",
    "Danish": "da", "Norwegian": "no", "Finnish": "fi", "Hungarian": "hu", "Romanian": "ro", "Turkish": "tr",
    "Russian": "ru", "Greek": "el", "Arabic": "ar", "Hindi": "hi",
}  # fmt: skip
LEAST_WORDS = 2
"""The least function words of a language that show it, where English has fewer."""
BEGINNING = 4000
"""The characters of a text by which its language is told."""
_RUN = re.compile(rf"(?:{text_analysis.SPACELESS.pattern}){{2,}}")


def language_of(text: str, words: Collection[str] | None = None) -> str:
    """Return the name of the language of a text other than English; empty where its words do not show one.

    :param words: of the text, where they are known.
    """
    beginning = text[:BEGINNING]
    if not beginning.isascii() and _OF_SCRIPTS.search(beginning):
        letters = len(_LETTER.findall(beginning))
        for name, script in _SCRIPTS.items():
            if 2 * len(script.findall(beginning)) > letters:
                return name
    found = set(text_analysis.words(beginning) if words is None else words)
    known, least = found & _OF_ANY, max(LEAST_WORDS, len(found & text_analysis.STOP_WORDS) + 1)
    if len(known) < least:  # most English texts
        return ""
    counts = {name: len(known & own) for name, own in _SETS.items()}
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] >= least else ""


def terms(text: str, language: str) -> list[str]:
    """Return the further terms of a text, in order: marked stems in its language, and pairs of characters."""
    return [*_stems(text, language), *pairs(text)]


def query_terms(question: str) -> list[str]:
    """Return the further terms of a question, each once, without the function words of its language."""
    language = language_of(question)
    function_words = (
        {f"{_CODES[language]}:{stem}" for stem in _stemmed(_SETS.get(language, ()), language)} if language else ()
    )
    return [term for term in dict.fromkeys(terms(question, language)) if term not in function_words]


def pairs(text: str) -> list[str]:
    """Return the pairs of neighbouring characters of scripts that are written without spaces, in order."""
    if text.isascii():
        return []
    return [f"~{run[at : at + 2]}" for run in _RUN.findall(text) for at in range(len(run) - 1)]


def _stems(text: str, language: str) -> list[str]:
    if not language:
        return []
    words = text_analysis.WORD.findall(text.lower())
    return [f"{_CODES[language]}:{stem}" for stem in _stemmed(words, language)]


def _stemmed(words: Collection[str], language: str) -> list[str]:
    """Return the stems of words, without accents, as texts with and without them are the same to a reader."""
    stems = _stemmer(language).stemWords(list(words))
    return [text_analysis.without_accents(stem) for stem in stems]


@lru_cache
def _stemmer(language: str) -> Stemmer.Stemmer:
    return Stemmer.Stemmer(language.lower())
