"""What people wear and what colour they are: names of the wardrobe, and a finish for each material."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from training.people.figure import MATERIALS
from training.places.materials import mixed, near, shade
from training.places.surface import Finish, linear

Colour = tuple[float, float, float]

_WOMEN: Mapping[str, float] = {
    "female_casualsuit01": 0.22, "female_casualsuit02": 0.15, "female_elegantsuit01": 0.17,
    "female_sportsuit01": 0.11, "male_casualsuit01": 0.04, "male_casualsuit02": 0.07,
    "male_casualsuit03": 0.06, "male_casualsuit04": 0.05, "male_casualsuit05": 0.04,
    "male_casualsuit06": 0.03, "male_elegantsuit01": 0.03, "male_worksuit01": 0.03,
}  # fmt: skip
_MEN: Mapping[str, float] = {
    "male_casualsuit01": 0.11, "male_casualsuit02": 0.12, "male_casualsuit03": 0.12,
    "male_casualsuit04": 0.13, "male_casualsuit05": 0.12, "male_casualsuit06": 0.12,
    "male_elegantsuit01": 0.13, "male_worksuit01": 0.11, "female_casualsuit01": 0.02,
    "female_casualsuit02": 0.02,
}  # fmt: skip
_HAIR_WOMEN: Mapping[str, float] = {
    "bob01": 0.13, "bob02": 0.15, "braid01": 0.12, "long01": 0.17, "ponytail01": 0.17, "afro01": 0.08,
    "short01": 0.03, "short02": 0.04, "short03": 0.06, "short04": 0.04, "": 0.01,
}  # fmt: skip
_HAIR_MEN: Mapping[str, float] = {
    "short01": 0.22, "short02": 0.18, "short03": 0.12, "short04": 0.20, "afro01": 0.08,
    "ponytail01": 0.04, "long01": 0.03, "bob02": 0.02, "": 0.11,
}  # fmt: skip
_SHOES = ("shoes01", "shoes02", "shoes03", "shoes04", "shoes05", "shoes06")
_BAREFOOT, _HATS = 0.05, 0.10

# From the palest to the darkest.
_SKINS = (
    (248, 218, 196), (236, 196, 166), (222, 174, 140), (200, 148, 110),
    (172, 118, 80), (140, 92, 60), (106, 68, 46), (76, 50, 36), (54, 38, 30),
)  # fmt: skip
_SKIN_BY_ORIGIN = np.array([0.78, 0.32, 0.18])
_HAIR_DARK = ((24, 20, 18), (34, 26, 22), (46, 34, 26), (60, 42, 30))
_HAIR_FAIR = ((92, 62, 40), (124, 88, 56), (164, 124, 78), (204, 170, 116), (122, 58, 34), (150, 72, 40))
_HAIR_GREY = ((120, 118, 116), (168, 166, 164), (214, 212, 208))
_IRISES = ((58, 38, 26), (82, 54, 34), (96, 80, 48), (76, 104, 128), (90, 110, 84))
_EYE_WHITE = linear(228, 222, 216)

_NEUTRALS = (
    (22, 22, 24), (48, 48, 52), (92, 92, 96), (146, 146, 148), (196, 194, 190), (236, 234, 228),
    (30, 38, 62), (58, 50, 46), (200, 184, 156), (96, 88, 64),
)  # fmt: skip
_DENIMS = ((44, 58, 88), (66, 86, 120), (110, 134, 164), (34, 38, 52), (60, 62, 66), (24, 24, 28))
_CHINOS = (
    (178, 154, 116),
    (112, 98, 72),
    (70, 72, 60),
    (54, 54, 58),
    (34, 40, 58),
    (24, 24, 26),
    (150, 146, 138),
)
_WORKWEAR = ((40, 60, 110), (70, 72, 60), (178, 154, 116), (54, 54, 58), (180, 70, 30), (34, 80, 60))
_SUITS = (
    (26, 28, 34),
    (34, 40, 56),
    (60, 62, 66),
    (98, 98, 100),
    (74, 58, 46),
    (164, 148, 122),
    (18, 18, 20),
)
_SHIRTINGS = ((238, 238, 236), (206, 220, 238), (232, 214, 218), (210, 208, 230), (40, 42, 50))
_LEATHERS = ((20, 18, 18), (52, 34, 26), (88, 56, 36), (140, 96, 60), (110, 106, 100))
_TRAINERS = ((236, 236, 234), (28, 28, 30), (128, 130, 134), (36, 52, 96), (160, 40, 40), (60, 110, 90))
_HAT_FELTS = ((40, 36, 36), (86, 66, 50), (128, 120, 108), (36, 42, 58), (206, 192, 160))


def outfit(rng: np.random.Generator, man: bool) -> tuple[str, ...]:
    """Names of the wardrobe: a suit, then by chance shoes, hair and a hat."""
    names = [_one_of(rng, _MEN if man else _WOMEN)]
    if rng.random() >= _BAREFOOT:
        names.append(_SHOES[rng.integers(len(_SHOES))])
    hair = _one_of(rng, _HAIR_MEN if man else _HAIR_WOMEN)
    if hair:
        names.append(hair)
    if rng.random() < _HATS:
        names.append(("fedora", "fedora_cocked")[rng.integers(2)])
    return tuple(names)


def finishes(
    rng: np.random.Generator, names: Sequence[str], origin: tuple[float, float, float]
) -> tuple[Finish, ...]:
    """How each of MATERIALS looks on a person of this origin in these clothes."""
    darkness = float(np.clip(_SKIN_BY_ORIGIN @ origin + rng.normal(0, 0.13), 0, 1))
    hair = _hair(rng, darkness)
    skin = Finish(
        "skin", _skin(rng, darkness), mixed(hair, (0.0, 0.0, 0.0), 0.3), gloss=rng.uniform(0.1, 0.35)
    )
    iris = near(rng, _IRISES[:2] if darkness > 0.5 else _IRISES, 8)
    shirt, trousers, jacket = _clothes(rng, names[0])
    made = {
        "skin": skin,
        "eye": Finish("eye", _EYE_WHITE, iris, gloss=0.6),
        "hair": Finish("hair", hair, strength=rng.uniform(0.3, 0.9), gloss=rng.uniform(0.1, 0.4)),
        "shirt": shirt,
        "trousers": trousers,
        "jacket": jacket,
        "shoe": _shoe(rng, dressy="elegantsuit" in names[0]),
        "sock": _sock(rng, skin, trousers),
        "hat": Finish("grain", near(rng, _HAT_FELTS), size_m=0.02, strength=0.2, gloss=0.05),
    }
    return tuple(made[material] for material in MATERIALS)


def _clothes(rng: np.random.Generator, suit: str) -> tuple[Finish, Finish, Finish]:
    """Shirt, trousers (or skirt) and jacket, as they go together."""
    top = _top(rng)
    if "elegantsuit" in suit:
        cloth = _suiting(rng)
        return (_shirting(rng) if rng.random() < 0.8 else top), cloth, cloth
    if "sportsuit" in suit:
        return top, Finish("plain", _colour(rng), gloss=rng.uniform(0.05, 0.3)), top
    if "worksuit" in suit:
        return (
            top,
            _denim(rng)
            if rng.random() < 0.6
            else Finish("grain", near(rng, _WORKWEAR), size_m=0.03, strength=0.25),
            top,
        )
    if suit == "male_casualsuit01" and rng.random() < 0.4:
        return top, top, top
    jacket = _denim(rng) if rng.random() < 0.3 else Finish("grain", _colour(rng), size_m=0.03, strength=0.25)
    return top, _bottoms(rng), jacket


def _top(rng: np.random.Generator) -> Finish:
    pattern = _one_of(
        rng, {"plain": 0.36, "grain": 0.14, "stripes": 0.16, "checks": 0.13, "dots": 0.07, "print": 0.14}
    )
    sizes_m = {
        "stripes": (0.008, 0.08),
        "checks": (0.015, 0.09),
        "dots": (0.012, 0.06),
        "print": (0.05, 0.25),
    }
    strength = rng.uniform(0.1, 0.3) if pattern in ("plain", "grain") else rng.uniform(0.5, 1.0)
    return Finish(
        pattern, _colour(rng), _colour(rng), float(rng.uniform(*sizes_m.get(pattern, (0.03, 0.1)))),
        float(strength), float(rng.uniform(0.0, 0.12)),
    )  # fmt: skip


def _bottoms(rng: np.random.Generator) -> Finish:
    kind = _one_of(rng, {"denim": 0.45, "chino": 0.35, "pattern": 0.06, "colour": 0.14})
    if kind == "denim":
        return _denim(rng)
    if kind == "pattern":
        return Finish(
            ("stripes", "checks", "print")[rng.integers(3)], near(rng, _CHINOS), near(rng, _NEUTRALS),
            float(rng.uniform(0.02, 0.09)), float(rng.uniform(0.3, 0.8)), 0.03,
        )  # fmt: skip
    colour = near(rng, _CHINOS) if kind == "chino" else _colour(rng)
    return Finish("grain", colour, size_m=0.04, strength=float(rng.uniform(0.1, 0.3)), gloss=0.03)


def _denim(rng: np.random.Generator) -> Finish:
    return Finish("denim", near(rng, _DENIMS), strength=float(rng.uniform(0.2, 0.7)), gloss=0.02)


def _suiting(rng: np.random.Generator) -> Finish:
    colour = near(rng, _SUITS)
    pattern = _one_of(rng, {"plain": 0.6, "stripes": 0.22, "checks": 0.18})
    second = mixed(colour, (0.8, 0.8, 0.8), float(rng.uniform(0.02, 0.08)))
    return Finish(
        pattern, colour, second, float(rng.uniform(0.01, 0.04)), 0.7, float(rng.uniform(0.02, 0.12))
    )


def _shirting(rng: np.random.Generator) -> Finish:
    colour = near(rng, _SHIRTINGS)
    pattern = _one_of(rng, {"plain": 0.7, "stripes": 0.3})
    return Finish(
        pattern, colour, mixed(colour, _colour(rng), 0.5), float(rng.uniform(0.006, 0.02)), 0.6, 0.05
    )


def _shoe(rng: np.random.Generator, dressy: bool) -> Finish:
    if dressy or rng.random() < 0.45:
        return Finish("plain", near(rng, _LEATHERS, 6), gloss=float(rng.uniform(0.2, 0.7)))
    return Finish(
        "grain", near(rng, _TRAINERS), size_m=0.02, strength=0.2, gloss=float(rng.uniform(0.05, 0.2))
    )


def _sock(rng: np.random.Generator, skin: Finish, trousers: Finish) -> Finish:
    """White, black, like the trousers, coloured, or none: bare ankles."""
    colours = (linear(228, 226, 222), linear(28, 28, 30), trousers.colour, _colour(rng), skin.colour)
    return Finish("plain", colours[rng.choice(5, p=[0.28, 0.30, 0.12, 0.14, 0.16])], gloss=0.02)


def _skin(rng: np.random.Generator, darkness: float) -> Colour:
    """A tone on the way from the palest to the darkest, a little redder or yellower."""
    place = darkness * (len(_SKINS) - 1)
    first = min(int(place), len(_SKINS) - 2)
    red, green, blue = mixed(linear(*_SKINS[first]), linear(*_SKINS[first + 1]), place - first)
    warm, light = rng.normal(0, 0.05), np.exp(rng.normal(0, 0.06))
    return _bounded(red * light, green * light * (1 - 0.5 * warm), blue * light * (1 - warm))


def _hair(rng: np.random.Generator, darkness: float) -> Colour:
    """Dark more often the darker the skin; some grey, some dyed."""
    chance = rng.random()
    if chance < 0.12:
        return near(rng, _HAIR_GREY, 8)
    if chance < 0.15:
        return _vivid(rng)
    return near(rng, _HAIR_DARK if rng.random() < 0.35 + darkness else _HAIR_FAIR, 6)


def _colour(rng: np.random.Generator) -> Colour:
    """Of cloth: neutral, muted or vivid."""
    kind = rng.random()
    if kind < 0.45:
        return near(rng, _NEUTRALS)
    return _vivid(rng) if kind < 0.65 else shade(rng, (0.1, 0.5), (0.25, 0.9))


def _vivid(rng: np.random.Generator) -> Colour:
    return shade(rng, (0.55, 0.95), (0.35, 0.92))


def _bounded(red: float, green: float, blue: float) -> Colour:
    return (
        min(max(float(red), 0.0), 0.95),
        min(max(float(green), 0.0), 0.95),
        min(max(float(blue), 0.0), 0.95),
    )


def _one_of(rng: np.random.Generator, chances: Mapping[str, float]) -> str:
    share = np.array(list(chances.values()))
    return tuple(chances)[int(rng.choice(len(chances), p=share / share.sum()))]
