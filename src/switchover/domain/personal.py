"""Kinds of personal data and of secrets that are looked for in texts, and the class that each makes of its text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .data_class import DataClass

MOST_SENSITIVE = DataClass.SECRET
_RANK = {level: rank for rank, level in enumerate(DataClass)}

# National numbers open every file about a person, and several laws restrict them (NL: UAVG, article 46).
KINDS: Mapping[str, DataClass] = {
    "e-mail": DataClass.CONFIDENTIAL,
    "phone": DataClass.CONFIDENTIAL,
    "iban": DataClass.CONFIDENTIAL,
    "card": DataClass.SECRET,
    "nl-bsn": DataClass.SECRET,
    "de-tax-id": DataClass.SECRET,
    "de-social-security": DataClass.SECRET,
    "fr-nir": DataClass.SECRET,
    "be-national-number": DataClass.SECRET,
    "gb-nino": DataClass.SECRET,
    "gb-nhs": DataClass.SECRET,
    "us-ssn": DataClass.SECRET,
    "us-itin": DataClass.SECRET,
    "es-dni": DataClass.SECRET,
    "it-codice-fiscale": DataClass.SECRET,
    "key": DataClass.SECRET,
    # Found by Presidio alone: whom and where a text speaks of.
    "name": DataClass.CONFIDENTIAL,
    "place": DataClass.CONFIDENTIAL,
    # What nobody here can read: an image, a file, a sound. It raises nothing unless the configuration says so.
    "unread": DataClass.PUBLIC,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """How personal data is looked for.

    ``countries`` are those whose phone numbers are known when written without a country code. ``classes`` says which
    class a kind makes of its text where that is not ours, ``without`` the kinds that are not looked for; ``presidio``
    the languages that Presidio reads beside us, none: it is not asked.
    """

    countries: tuple[str, ...] = ()
    classes: Mapping[str, DataClass] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    presidio: tuple[str, ...] = ()

    def class_of(self, kinds: Iterable[str]) -> DataClass:
        """The most sensitive class that one of these kinds makes of its text."""
        return most_sensitive(self.classes.get(kind, KINDS[kind]) for kind in kinds)


def most_sensitive(levels: Iterable[DataClass]) -> DataClass:
    """The most sensitive of these classes; public when there is none."""
    return max(levels, key=_RANK.__getitem__, default=DataClass.PUBLIC)


def is_above(one: DataClass, other: DataClass) -> bool:
    """Whether the first class is more sensitive than the second."""
    return _RANK[one] > _RANK[other]
