"""The language of a text, by its script or by the small words that every sentence of a language has."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

# Enough to tell; the rest of a long text says the same.
LOOKED_AT = 2000
# So many small words of the language have to be there, and so many more than of the next one. A word counts a few times
# at most: Los Angeles, named often, makes no text Spanish.
FEWEST_WORDS, LEAD, OFTENEST = 2, 1.2, 3

# Frequent words without meaning of their own. One that two languages share speaks for both.
_SMALL = {
    "en": "the of and to in is that it for was on with as are be this at have from or by not but what all were we "
    "when your can you there use an each which she do how their if will up other about out many then them "
    "these so some her would make like him into has two more my been had who did get i i'm i've don't it's "
    "please hello hi thank thanks am where why should could does didn't can't any still need want only just "
    "after before no yes while than too here much me go a they",
    "nl": "de het een en van in is dat op te zijn met voor niet aan er om ook als dan maar bij nog naar uit dit die "
    "deze wordt werd worden heeft hebben kan kunnen ik je u uw wij we ze hij mijn onze geen wel al over door "
    "tot wat wie hoe waar zo veel meer moet mag heb bent graag bedankt hallo alstublieft onder binnen na "
    "tegen hun haar eigen",
    "de": "der die das und ist nicht ein eine einen einem einer zu den mit auf für von im dem des sich auch es an "
    "werden wird aus er hat dass sie nach bei um am sind noch wie oder aber so zum war haben nur über vor zur "
    "bis mehr durch man kann ich wir mir mich ihr ihre ihren ihnen mein meine bitte danke hallo kein keine "
    "wurde beträgt sein seine euch uns unser unsere dies diese dieser wenn was wo wer",
    "fr": "le la les de des du et est un une que qui dans pour pas sur ne se ce il elle au aux avec son sa ses par "
    "plus sont je vous nous on mais ou où votre vos notre nos cette ces été être avoir a ai avez très bien "
    "comme tout fait leur si même aussi merci bonjour d l qu c j n s m combien quand temps pouvez veuillez me "
    "mon ma mes",
    "es": "el la los las de del y que en un una es no se por con para su lo como más pero sus le ya o este sí "
    "porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos durante mi tiene "
    "está he ha son fue gracias hola usted al puede qué cuánto cómo dónde",
    "it": "il lo la i gli le di del della dei che e è un una uno per non in con si da come anche più ma sono mi ha "
    "al alla nel nella questo questa o se ci su dal dalla ho suo sua loro essere stato molto grazie ciao "
    "buongiorno c l dell all può dirmi quanto quale dove vorrei mio mia",
    "pt": "o a os as de do da dos das e que em um uma para não com por se no na mais como mas foi ao ele ela seu "
    "sua ou ser quando muito há nos já está eu também só pelo pela até isso entre era depois sem mesmo aos "
    "ter seus obrigado olá você",
    "pl": "i w na z do nie się że to jest o jak po co za od przez dla ale czy tak przy być był jego już są tego tym "
    "może które który oraz lub pan pani dziękuję proszę dzień dobry we jeśli gdy",
    "sv": "och i att det som en på är av för med till den har de inte om ett han men var jag sig från vi så kan när "
    "nu under vid mot också efter eller hade mycket du min er tack hej",
    "da": "og i at det som en på er af for med til den har de ikke om et han men var jeg sig fra vi så kan når nu "
    "under ved mod også efter eller havde meget du min jer tak hej",
}
_SETS = {language: frozenset(words.split()) for language, words in _SMALL.items()}
# Where the script alone tells, or nearly.
_SCRIPTS = (
    ("HIRAGANA", "ja"),
    ("KATAKANA", "ja"),
    ("HANGUL", "ko"),
    ("CJK", "zh"),
    ("GREEK", "el"),
    ("HEBREW", "he"),
    ("ARABIC", "ar"),
    ("DEVANAGARI", "hi"),
    ("THAI", "th"),
)
LANGUAGES = tuple(sorted({*_SMALL, *(language for _, language in _SCRIPTS), "ru", "uk"}))
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_UKRAINIAN = frozenset("іїєґ")


def language_of(text: str) -> str | None:
    """ISO 639-1 code of the language, None where it can't be told: a text too short, or in a language we don't know."""
    plain = unicodedata.normalize("NFC", text[:LOOKED_AT]).replace("\u2019", "'").casefold()
    if not plain.isascii() and (found := _by_script(plain)) is not None:
        return found
    words = Counter(_WORD.findall(plain))
    for word in [word for word in words if "'" in word]:
        # What French and Italian leave the vowel out of: l'assurance.
        words[word.partition("'")[0]] += words[word]
    counts = {word: min(count, OFTENEST) for word, count in words.items()}
    scores = {language: sum(counts[word] for word in counts.keys() & small) for language, small in _SETS.items()}
    (best, first), (_, second) = sorted(scores.items(), key=lambda row: -row[1])[:2]
    return best if first >= FEWEST_WORDS and first >= LEAD * second else None


def _by_script(plain: str) -> str | None:
    letters = [c for c in plain if not c.isascii() and c.isalpha()]
    counts = Counter(unicodedata.name(c, "").partition(" ")[0] for c in letters)
    latin = sum(c.isascii() and c.isalpha() for c in plain) + counts["LATIN"]
    script, most = max(counts.items(), key=lambda row: row[1], default=("", 0))
    # A few foreign letters are a name; Chinese and Japanese say with two characters what takes a word elsewhere.
    if most < 2 or most * 2 < latin:
        return None
    if script == "CYRILLIC":
        return "uk" if _UKRAINIAN.intersection(plain) else "ru"
    if counts["HIRAGANA"] or counts["KATAKANA"]:
        return "ja"
    return dict(_SCRIPTS).get(script)
