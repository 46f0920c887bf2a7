"""National numbers of persons: how each is checked. Pure.

Each function takes the number as it was found, separators and all.
"""

from __future__ import annotations

from .checks import digits, is_date, plain, weighted

_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
# Agenzia delle Entrate, D.M. 12 March 1974, article 3: the values of characters in odd places, 0-9 then A-Z.
_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16,
        10, 22, 25, 24, 23)  # fmt: skip
_CF_MONTHS = "ABCDEHLMPRST"
_NINO_NEVER = ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ")
# The IRS keeps these groups of numbers that begin with 9 for ITINs (IRS, Internal Revenue Manual 3.21.263).
_ITIN_GROUPS = (*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100))


def is_nl_bsn(text: str) -> bool:
    """The Dutch burgerservicenummer: the eleven test (Besluit BSN; RvIG, Logisch ontwerp BSN)."""
    number = digits(text)
    return any(number) and weighted(number, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def is_de_tax_id(text: str) -> bool:
    """The German Steuer-Identifikationsnummer (section 139b AO): ISO 7064 MOD 11,10.

    Of its first ten digits one occurs twice or three times, not three in a row, and the others once at most.
    """
    number = digits(text)
    often = sorted((number[:10].count(one) for one in set(number[:10])), reverse=True)
    if number[0] == 0 or often[0] not in (2, 3) or (len(often) > 1 and often[1] > 1):
        return False
    if any(number[at] == number[at + 1] == number[at + 2] for at in range(8)):
        return False
    product = 10
    for one in number[:10]:
        product = ((one + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == number[10]


def is_de_social_security(text: str) -> bool:
    """The German Sozialversicherungsnummer (VKVV, section 2): area, date of birth, initial, serial, check digit."""
    said = plain(text)
    area, day, month = int(said[:2]), int(said[2:4]), int(said[4:6])
    if not 2 <= area <= 89 or not 1 <= day <= 31 or not 1 <= month <= 12:
        return False
    number = digits(f"{said[:8]}{ord(said[8]) - 64:02d}{said[9:11]}")
    products = (one * weight for one, weight in zip(number, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True))
    return sum(sum(divmod(product, 10)) for product in products) % 10 == int(said[11])


def is_fr_nir(text: str) -> bool:
    """The French NIR (INSEE; décret 82-103): 97 less the remainder of the first thirteen is the key.

    Corsica's 2A counts as 19, its 2B as 18.
    """
    said = plain(text)
    month = int(said[3:5])
    if not (1 <= month <= 12 or 20 <= month <= 42 or 50 <= month <= 99):
        return False
    counted = said[:5] + {"2A": "19", "2B": "18"}.get(said[5:7], said[5:7]) + said[7:13]
    return counted.isdigit() and 97 - int(counted) % 97 == int(said[13:15])


def is_be_national_number(text: str) -> bool:
    """The Belgian rijksregisternummer (KB of 3 April 1984): 97 less the remainder of the first nine.

    Those born from 2000 count with a 2 before. A BIS number has 20 or 40 added to its month; an unknown date is 0.
    """
    number = "".join(map(str, digits(text)))
    year, month, day = int(number[:2]), int(number[2:4]) % 20, int(number[4:6])
    if int(number[2:4]) >= 60 or month > 12 or day > 31 or number[6:9] in ("000", "999"):
        return False
    if month and day and not is_date(year, month, day):
        return False
    check = int(number[9:])
    return check in (97 - int(number[:9]) % 97, 97 - int(f"2{number[:9]}") % 97)


def is_gb_nino(text: str) -> bool:
    """The British National Insurance number (HMRC manual NIM39110): prefixes that are given out, suffix A to D."""
    said = plain(text)
    return not ({*said[:2]} & {*"DFIQUV"}) and said[1] != "O" and said[:2] not in _NINO_NEVER


def is_gb_nhs(text: str) -> bool:
    """The NHS number (NHS Data Dictionary): modulus 11, in the ranges of England, Wales, Northern Ireland and samples.

    Scotland's CHI numbers share the check, but begin like dates and moments, so that they are not among them.
    """
    number = digits(text)
    begins = number[0] * 10 + number[1]
    if not (32 <= begins <= 49 or 60 <= begins <= 79 or begins >= 90) or len(set(number)) < 2:
        return False
    check = 11 - weighted(number[:9], (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return (0 if check == 11 else check) == number[9]


def is_us_ssn(text: str) -> bool:
    """The US Social Security number (SSA, randomization of 2011): area, group and serial that are given out.

    Without a check digit; those printed on sample cards are no one's.
    """
    number = "".join(map(str, digits(text)))
    if number in ("078051120", "219099999"):
        return False
    area = int(number[:3])
    return area not in (0, 666) and area < 900 and number[3:5] != "00" and number[5:] != "0000"


def is_us_itin(text: str) -> bool:
    """The US individual taxpayer number (IRS): it begins with 9, and its group is one that is given out."""
    number = "".join(map(str, digits(text)))
    return number[0] == "9" and int(number[3:5]) in _ITIN_GROUPS


def is_es_dni(text: str) -> bool:
    """The Spanish DNI or NIE (Real Decreto 1553/2005; Orden INT/2058/2008): the letter is the remainder by 23."""
    said = plain(text)
    number = int(said[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2"))
    return _DNI[number % 23] == said[-1]


def is_it_codice_fiscale(text: str) -> bool:
    """The Italian codice fiscale (D.M. of 12 March 1974): month, day (40 added for women) and the check letter."""
    said = plain(text)
    if said[8] not in _CF_MONTHS or not (1 <= int(said[9:11]) <= 31 or 41 <= int(said[9:11]) <= 71):
        return False
    values = [int(character, 36) for character in said[:15]]
    odd = sum(_ODD[value] for value in values[::2])
    even = sum(value if value < 10 else value - 10 for value in values[1::2])
    return (odd + even) % 26 == ord(said[15]) - 65
