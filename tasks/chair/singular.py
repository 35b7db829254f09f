"""Singulars as the library "pattern" (2.6, De Smedt & Daelemans 2012) makes them, slips included.

It works by ending, whatever the part of speech: a bus is a "bu", a glass a "glas", four is "fmy".
CHAIR counts what comes out, so nothing is repaired here.
"""

from __future__ import annotations

import re
from functools import lru_cache

# A word is left alone if it is the ending of one of these: "is" for the sake of "chassis".
_UNCHANGED_WORDS = """
bison bream breeches britches carp chassis christmas clippers cod contretemps corps debris
diabetes djinn eland elk flounder gallows georgia graffiti headquarters herpes high-jinks
homework innings jackanapes mackerel measles mews mumps news pincers pliers proceedings rabies
salmon scissors series shears species swine swiss trout tuna whiting wildebeest advice bread
butter cheese electricity equipment fruit furniture garbage gravel happiness information ketchup
knowledge love luggage mathematics mayonnaise meat mustard progress research rice sand software
understanding water
"""
_UNCHANGED = tuple(_UNCHANGED_WORDS.split())

_IN_IE_WORDS = """
algerie auntie beanie birdie bogie bombie bookie collie cookie cutie doggie eyrie freebie goonie
groupie hankie hippie hoagie hottie indie junkie laddie laramie lingerie meanie nightie oldie
pixie quickie reverie rookie softie sortie stoolie sweetie techie toughie valkyrie veggie weenie
yuppie zombie
"""
_IN_IE = tuple(_IN_IE_WORDS.split())

# By ending, so "women" and "gentlemen" go the way of "men".
_IRREGULAR_PAIRS = """
men:man people:person children:child sexes:sex axes:axe moves:move teeth:tooth geese:goose
feet:foot zoa:zoon atlantes:atlas atlases:atlas beeves:beef brethren:brother corpora:corpus
corpuses:corpus kine:cow ephemerides:ephemeris ganglia:ganglion genii:genie genera:genus
graffiti:graffito helves:helve leaves:leaf loaves:loaf monies:money mongooses:mongoose
mythoi:mythos octopodes:octopus opera:opus opuses:opus our:my oxen:ox penes:penis penises:penis
soliloquies:soliloquy testes:testis trilbys:trilby turves:turf numena:numen occipita:occiput
"""
_IRREGULAR = dict(pair.split(":") for pair in _IRREGULAR_PAIRS.split())

_PREPOSITION_WORDS = """
about above across after among around at athwart before behind below beneath beside besides
between betwixt beyond but by during except for from in into near of off on onto out over since
till to under until unto upon with
"""
_PREPOSITIONS = frozenset(_PREPOSITION_WORDS.split())

# The first ending that fits decides.
_ENDINGS = tuple(
    (re.compile(ending), singular)
    for ending, singular in (
        (r"(.)ae$", r"\1a"), (r"(.)itis$", r"\1itis"), (r"(.)eaux$", r"\1eau"),
        (r"(quiz)zes$", r"\1"), (r"(matr)ices$", r"\1ix"), (r"(ap|vert|ind)ices$", r"\1ex"),
        (r"^(ox)en", r"\1"), (r"(alias|status)es$", r"\1"), (r"([octop|vir])i$", r"\1us"),
        (r"(cris|ax|test)es$", r"\1is"), (r"(shoe)s$", r"\1"), (r"(o)es$", r"\1"),
        (r"(bus)es$", r"\1"), (r"([m|l])ice$", r"\1ouse"), (r"(x|ch|ss|sh)es$", r"\1"),
        (r"(m)ovies$", r"\1ovie"), (r"(.)ombies$", r"\1ombie"), (r"(s)eries$", r"\1eries"),
        (r"([^aeiouy]|qu)ies$", r"\1y"), (r"([aeo]l)ves$", r"\1f"), (r"([^d]ea)ves$", r"\1f"),
        (r"arves$", r"arf"), (r"erves$", r"erve"), (r"([nlw]i)ves$", r"\1fe"),
        (r"([lr])ves$", r"\1f"), (r"([aeo])ves$", r"\1ve"), (r"(sive|tive|hive)s$", r"\1"),
        (r"([^f])ves$", r"\1fe"), (r"(^analy)ses$", r"\1sis"),
        (r"((a)naly|(b)a|(d)iagno|(p)arenthe|(p)rogno|(s)ynop|(t)he)ses$", r"\1\2sis"),
        (r"(.)opses$", r"\1opsis"), (r"(.)yses$", r"\1ysis"),
        (r"(h|d|r|o|n|b|cl|p)oses$", r"\1ose"),
        (r"(fruct|gluc|galact|lact|ket|malt|rib|sacchar|cellul)ose$", r"\1ose"),
        (r"(.)oses$", r"\1osis"), (r"([ti])a$", r"\1um"), (r"(n)ews$", r"\1ews"), (r"s$", r""),
    )
)  # fmt: skip


@lru_cache(maxsize=65536)
def singular(word: str) -> str:
    """The singular of a word in lower case, as the library has it."""
    first, dash, rest = word.partition("-")
    if dash and rest.split("-")[0] in _PREPOSITIONS:
        return f"{singular(first)}-{rest}"  # mothers-in-law
    if word.endswith("'"):
        return singular(word[:-1]) + "'s"
    if any(other.endswith(word) for other in _UNCHANGED):
        return word
    for other in _IN_IE:
        if word.endswith(other + "s"):
            return other
    for plural, single in _IRREGULAR.items():
        if word.endswith(plural):
            return word.removesuffix(plural) + single
    for ending, single in _ENDINGS:
        if ending.search(word):
            return ending.sub(single, word)
    return word
