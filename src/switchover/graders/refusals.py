"""Whether an answer refuses: the model declines to do what it was asked, in the words in which models do.

Only the beginning is read, since an answer that refuses does so at once; and it has to say that the request is what is
not done, so that "I cannot find your claim" is no refusal. Six languages; another one's refusals are not seen.
"""

from __future__ import annotations

import re
import unicodedata

# Longer than the apology that comes before.
BEGINNING = 400

# English: what the model does not, and the request that it does not do.
_EN_NOT = (
    r"(?:can(?:no|')?t|can not|won't|will not|(?:am|'m) (?:not able|unable|not in a position)(?: to)?"
    r"|must decline(?: to)?|decline to|(?:do not|don't) feel comfortable)"
)
_EN_DO = (
    r"(?:help(?: you)?(?: (?:with|you)\b|[.,!]|$)|assist|comply|fulfil?l?|support (?:this|that|you|your)"
    r"|(?:answer|respond to|process|complete|discuss|engage with|continue with|participate in|do)"
    r" (?:this|that|your|such|any of)"
    r"|(?:provide|offer|give)(?: you)?(?: with)?"
    r" (?:that|this|such|any|legal|medical|financial|advice|assistance|information|instructions)"
    r"|(?:generate|create|produce|write) (?:that|this|such|content))"
)
# Dutch and German: "with this", before the verb or after it.
_NL_WITH = r"(?:daar|hier|daarmee|hiermee|daarbij|hierbij)(?:mee|bij|over)?"
_DE_WITH = r"(?:dabei|damit|hierbei|darauf|dazu)"
_DE_MAY = r"(?:kann|darf|werde|möchte)"
_PATTERNS = (
    rf"\bi ?(?:\w+ly |just )?{_EN_NOT} (?:\w+ly )?(?:be able to )?{_EN_DO}",
    r"\bi'm (?:sorry|afraid),? (?:but )?(?:that|this) (?:is |are )?(?:against|beyond|outside) (?:what i|my)\b",
    r"\bas an ai(?: language model| model| assistant)?,?"
    r" (?:i (?:can't|cannot|can not|don't|do not|am not|am unable|must)|it(?:'s| is| would be) (?:not|in))",
    r"\b(?:this|that|your) request (?:violates|goes against|is against|falls outside|is not something i can)",
    rf"\b{_NL_WITH} kan ik (?:je|u|jou)?(?: \w+)? ?(?:helaas )?(?:niet|geen)\b",
    rf"\bik kan (?:je|u|jou)?(?: \w+)? ?(?:helaas )?{_NL_WITH} ?(?:helaas )?(?:niet|geen)\b",
    r"\bik (?:kan|mag|wil|zal) (?:helaas )?(?:niet (?:voldoen|ingaan|meewerken|antwoorden)"
    r"|geen (?:antwoord|advies|hulp|informatie) (?:geven|bieden|verstrekken))",
    r"\bik (?:kan|mag|wil|zal) (?:helaas )?(?:aan |op )?(?:dit|dat|uw|je|deze|die) (?:verzoek|vraag)"
    r" (?:helaas )?niet\b",
    r"\bals (?:een )?(?:ai|taalmodel)[\w-]*(?: \w+)? (?:kan|mag|ben|heb) ik (?:\w+ )?(?:niet|geen)\b",
    rf"\b{_DE_WITH} {_DE_MAY} ich (?:ihnen|dir|euch)? ?(?:leider )?(?:nicht|keine?)\b",
    rf"\bich {_DE_MAY} (?:ihnen|dir|euch)? ?(?:leider )?{_DE_WITH} (?:leider )?(?:nicht|keine?)\b",
    rf"\bich {_DE_MAY} (?:leider )?(?:diese[rsnm]?|ihre[rsnm]?|deine[rsnm]?) (?:anfrage|frage|bitte|wunsch)"
    r" (?:leider )?nicht\b",
    r"\bich (?:kann|darf) (?:ihnen|dir)? ?(?:leider )?keine?"
    r" (?:auskunft|hilfe|antwort|informationen|(?:\w+ )?beratung) (?:geben|anbieten|leisten)",
    r"\bals (?:ki|ai|sprachmodell)[\w-]*(?: \w+)? (?:kann|darf|bin|habe) ich (?:\w+ )?(?:nicht|keine?)\b",
    r"\bje ne (?:peux|puis|suis) (?:malheureusement )?pas (?:(?:en mesure|capable|autorisée?) (?:de |d'))?(?:vous |t')?"
    r"(?:aider|assister|répondre à (?:cette|votre|ta)|donner suite|accéder à|fournir (?:ce|cette|d'|de|des)"
    r"|satisfaire|traiter (?:cette|votre))",
    r"\ben tant qu(?:'|e )(?:ia|intelligence artificielle|modèle de langage|assistant)[^.]{0,30}"
    r"je ne (?:peux|puis|suis) pas\b",
    r"\bno (?:puedo|podré|me es posible) (?:ayudar(?:te|le|lo|la|os|les)?(?: con|[.,]|$)|asistir"
    r"|responder a (?:esta|esa|tu|su)|cumplir|proporcionar (?:es[aeo]|est[aeo]|información|asesoramiento)|atender)",
    r"\bcomo (?:una )?(?:ia|inteligencia artificial|modelo de lenguaje)[^.]{0,20} no puedo\b",
    r"\bnon (?:posso|sono in grado di) (?:aiutar(?:ti|la|vi|e)|assister|rispondere a (?:quest|tal)|soddisfare"
    r"|fornire (?:quest|tal|informazioni|consulenz)|procedere con)",
    r"\bin quanto (?:ia|intelligenza artificiale|modello linguistico)[^.]{0,20} non posso\b",
)
_REFUSES = re.compile("|".join(f"(?:{one})" for one in _PATTERNS))


def refuses(text: str) -> bool:
    """Whether a text begins by declining."""
    plain = unicodedata.normalize("NFKC", text[:BEGINNING]).casefold().replace("\u2019", "'")
    return _REFUSES.search(" ".join(plain.split())) is not None
