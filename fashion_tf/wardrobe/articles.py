"""The table of garments: what makes a jacket a jacket. Each article gives the ranges its pieces are drawn from.

Names are everyday ones, so that a dataset's writer can map them to its own classes: jeans and trousers, blouse and
shirt stay apart here even where a dataset joins them.
"""

from dataclasses import dataclass

import numpy as np

from .cuts import Lower, Skirt, Upper
from .fabrics import Fabric
from .pencil import between, chance, pick, whole

PARSING_LABELS = (
    "background", "skin", "hair", "bag", "belt", "boots", "coat", "dress", "glasses", "gloves", "hat/headband",
    "jacket/blazer", "necklace", "pants/jeans", "scarf/tie", "shirt/blouse", "shoes", "shorts", "skirt", "socks",
    "sweater/cardigan", "tights/leggings", "top/t-shirt", "vest", "watch/bracelet",
)  # fmt: skip

GARMENT_TYPES = (
    "short sleeve top", "long sleeve top", "short sleeve outwear", "long sleeve outwear", "vest", "sling", "shorts",
    "trousers", "skirt", "short sleeve dress", "long sleeve dress", "vest dress", "sling dress",
)  # fmt: skip


@dataclass(frozen=True)
class Article:
    """What an article is made of.

    Attributes:
        role: "upper", "lower", "full" (both in one) or "outer".
        label: One of `PARSING_LABELS`.
        pieces: For each piece its class and the ranges of its fields.
        cloths: Patterns it is usually made in.
    """

    role: str
    label: str
    pieces: tuple
    cloths: tuple


def _sample(rng, ranges):
    """Fixed values from ranges: a pair of numbers is an interval, a list a choice, anything else itself."""
    values = {}
    for name, value in ranges.items():
        if isinstance(value, list):
            value = pick(rng, value)
        if isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, (int, float)) for v in value):
            low, high = value
            value = whole(rng, low, high) if isinstance(low, int) and isinstance(high, int) else between(rng, low, high)
        values[name] = value
    return values


SLIM, STRAIGHT, WIDE = (0.03, 0.025, 0.02), (0.07, 0.06, 0.05), (0.1, 0.12, 0.13)
PUFF, BELL, BALLOON, CAP = (0.2, 0.17, 0.03), (0.05, 0.07, 0.2), (0.08, 0.16, 0.04), (0.09, 0.1, 0.1)
ANY_SHAPE = [SLIM, STRAIGHT, WIDE, BALLOON, BELL]

_PLAIN = ("plain", "plain", "melange")
_PRINTED = ("plain", "plain", "stripes", "floral", "dots", "leaves", "paisley", "gingham", "confetti", "lace")
_SHIRTING = (
    "plain",
    "plain",
    "plain",
    "upright stripes",
    "pinstripe",
    "gingham",
    "tartan",
    "dots",
    "denim",
    "windowpane",
)
_KNIT = ("plain", "melange", "rib", "cable", "stripes", "argyle", "two stripes", "zigzag")
_SUITING = ("plain", "plain", "melange", "pinstripe", "windowpane", "houndstooth", "tartan")
_COATING = ("plain", "plain", "melange", "houndstooth", "tartan", "windowpane")
_DENIM = ("denim", "denim", "denim", "plain")


def _upper(role, label, cloths, **ranges):
    return Article(role, label, ((Upper, ranges),), cloths)


def _lower(label, cloths, **ranges):
    return Article("lower", label, ((Lower, ranges),), cloths)


def _skirt(cloths, **ranges):
    return Article("lower", "skirt", ((Skirt, ranges),), cloths)


_TEE = {"neck": ["round", "round", "round", "v", "scoop", "boat"], "sleeve": (0.22, 0.5), "shape": [STRAIGHT, WIDE, CAP],
        "fit": (0.15, 0.85), "waist": (0.0, 0.5), "hem": (3.2, 3.85), "curve": (0.0, 0.06)}  # fmt: skip
_SHIRT = {"neck": "collar", "front": "buttons", "sleeve": [(0.3, 0.55), (0.85, 1.0), (0.85, 1.0)], "shape": [SLIM, STRAIGHT],
          "cuff": [0.0, 0.1], "fit": (0.2, 0.7), "waist": (0.0, 0.4), "hem": (3.4, 3.9), "curve": (0.0, 0.14),
          "trims": [(), (), ("chest pocket",), ("two chest pockets",), ("yoke seam",)]}  # fmt: skip
_KNITWEAR = {"sleeve": (0.85, 1.0), "shape": [STRAIGHT, WIDE, BALLOON], "cuff": 0.13, "fit": (0.3, 0.95),
             "waist": (0.0, 0.25), "hem": (3.15, 3.75)}  # fmt: skip
_JACKET = {
    "sleeve": (0.9, 1.02),
    "shape": [STRAIGHT, WIDE],
    "fit": (0.5, 0.95),
    "waist": (0.0, 0.3),
    "shoulder": (0.0, 0.07),
}
_COAT = {**_JACKET, "hem": (4.3, 6.2), "flare": (0.02, 0.16), "front": ["buttons", "double", "open", "open"]}
_DRESS = {"hem": (4.2, 6.1), "fit": (0.05, 0.55), "waist": (0.1, 1.0), "flare": (-0.02, 0.36), "gather": (0.0, 1.0),
          "curve": (-0.02, 0.06),
          "trims": [(), (), (), ("waist seam",), ("sash",), ("tiers",), ("bow",), ("wrap",), ("lace trim",)]}  # fmt: skip

ARTICLES = {
    # Upper garments
    "t-shirt": _upper("upper", "top/t-shirt", (*_PLAIN, "stripes", "two stripes"), **_TEE,
                      trims=[(), (), ("graphic",), ("graphic",), ("hem seam",), ("chest pocket",), ("band",)]),
    "top": _upper("upper", "top/t-shirt", _PRINTED, **{**_TEE, "neck": ["round", "scoop", "boat", "v", "square", "off"],
                  "sleeve": [(0.12, 0.5), (0.7, 1.0)], "shape": [SLIM, PUFF, BELL, STRAIGHT], "hem": (2.75, 3.95), "flare": (0.0, 0.3)},
                  trims=[(), ("bow",), ("ruffles",), ("hem seam",), ("tiers",)]),
    "long sleeve t-shirt": _upper("upper", "top/t-shirt", (*_PLAIN, "stripes"), **{**_TEE, "sleeve": (0.62, 1.0), "shape": [SLIM, STRAIGHT]},
                                  trims=[(), ("graphic",), ("hem seam",)]),
    "tank top": _upper("upper", "top/t-shirt", (*_PLAIN, "stripes", "rib"), neck=["round", "scoop", "v"], depth=(0.0, 0.25), shoulder=(-0.3, -0.05),
                       fit=(0.05, 0.7), waist=(0.0, 0.5), hem=(3.0, 3.8), trims=[(), ("graphic",), ("hem seam",), ("number",)]),
    "camisole": _upper("upper", "top/t-shirt", _PRINTED, straps=["thin", "thin", "wide"], neck=["round", "sweetheart", "v"], depth=(-0.06, 0.1),
                       fit=(0.0, 0.6), waist=(0.0, 0.6), hem=(2.7, 3.7), flare=(0.0, 0.3), trims=[(), ("bow",), ("lace trim",)]),
    "halter top": _upper("upper", "top/t-shirt", _PRINTED, straps="halter", neck=["round", "v"], depth=(-0.12, 0.0), fit=(0.0, 0.4),
                         waist=(0.1, 0.7), hem=(2.6, 3.5), trims=[(), ("bow",)]),
    "tube top": _upper("upper", "top/t-shirt", _PRINTED, straps="none", neck=["round", "sweetheart"], fit=(0.0, 0.2), waist=(0.2, 0.7), hem=(2.55, 3.4)),
    "blouse": _upper("upper", "shirt/blouse", _PRINTED, neck=["v", "collar", "mandarin", "round", "boat"], sleeve=[(0.25, 0.55), (0.7, 1.0), (0.8, 1.0)],
                     shape=[PUFF, BELL, BALLOON, STRAIGHT], cuff=[0.0, 0.1], fit=(0.2, 0.8), waist=(0.0, 0.5), hem=(3.2, 3.9), flare=(0.0, 0.2),
                     front=["", "buttons", "placket"], trims=[(), ("bow",), ("ruffles",), ("yoke seam",)]),
    "shirt": _upper("upper", "shirt/blouse", _SHIRTING, **_SHIRT),
    "flannel shirt": _upper("upper", "shirt/blouse", ("tartan", "gingham", "windowpane"), **{**_SHIRT, "sleeve": (0.8, 1.0), "fit": (0.4, 0.9),
                            "trims": [("two chest pockets",), ("chest pocket",)]}),
    "polo shirt": _upper("upper", "top/t-shirt", (*_PLAIN, "stripes"), neck="collar", front="placket", sleeve=(0.28, 0.48), shape=[STRAIGHT],
                         cuff=[0.0, 0.08], fit=(0.2, 0.65), waist=(0.0, 0.2), hem=(3.3, 3.75), trims=[(), ("hem seam",)]),
    "henley": _upper("upper", "top/t-shirt", _PLAIN, neck="round", front="placket", sleeve=[(0.3, 0.5), (0.8, 1.0)], shape=[SLIM, STRAIGHT],
                     fit=(0.15, 0.6), waist=(0.0, 0.3), hem=(3.3, 3.8), trims=[(), ("hem seam",)]),
    "jersey": _upper("upper", "top/t-shirt", ("plain", "two stripes", "upright stripes"), neck=["round", "v"], sleeve=(0.35, 0.55), shape=[WIDE, STRAIGHT],
                     fit=(0.5, 0.95), waist=0.0, hem=(3.5, 4.0), trims=[("number",), ("number", "yoke"), ("band", "number")]),
    "sweater": _upper("upper", "sweater/cardigan", _KNIT, **_KNITWEAR, neck=["round", "round", "v", "boat"], trims=[("hem rib",), ("hem rib", "band"), ("hem rib",)]),
    "turtleneck": _upper("upper", "sweater/cardigan", _KNIT, **{**_KNITWEAR, "fit": (0.05, 0.8)}, neck="turtle", trims=[("hem rib",), ()]),
    "sweatshirt": _upper("upper", "sweater/cardigan", _PLAIN, **{**_KNITWEAR, "fit": (0.5, 0.95)}, neck="round",
                         trims=[("hem rib", "graphic"), ("hem rib",), ("hem rib", "band"), ("hem rib", "yoke")]),
    "hoodie": _upper("upper", "sweater/cardigan", _PLAIN, **{**_KNITWEAR, "fit": (0.5, 0.98)}, neck="hood", front=["", "", "zip"],
                     trims=[("hem rib", "kangaroo", "drawstrings"), ("hem rib", "graphic", "drawstrings"), ("hem rib", "kangaroo")]),
    "tunic": _upper("upper", "top/t-shirt", _PRINTED, neck=["round", "v", "scoop"], sleeve=[(0.2, 0.55), (0.7, 1.0)], shape=ANY_SHAPE, fit=(0.3, 0.8),
                    waist=(0.0, 0.4), hem=(3.9, 4.5), flare=(0.02, 0.3), trims=[(), ("embroidery",), ("hem seam",), ("tiers",)]),
    "kurta": _upper("upper", "top/t-shirt", ("plain", "floral", "paisley", "ethnic", "dots", "upright stripes"), neck=["mandarin", "round", "v"],
                    front=["placket", "", "buttons"], sleeve=[(0.3, 0.5), (0.65, 1.0)], shape=[STRAIGHT, WIDE], fit=(0.2, 0.6), waist=(0.0, 0.5),
                    hem=(4.4, 5.4), flare=(0.02, 0.2), trims=[("border",), ("embroidery",), ("border", "embroidery"), ()]),
    # Outer garments
    "cardigan": _upper("outer", "sweater/cardigan", _KNIT, **{**_KNITWEAR, "sleeve": [(0.4, 0.57), (0.8, 1.0), (0.85, 1.0)], "hem": (3.0, 4.9)},
                       neck=["v", "round", "shawl"], front=["open", "open", "buttons"], trims=[("hem rib",), ("slant pockets",), ("hem rib", "slant pockets")]),
    "blazer": _upper("outer", "jacket/blazer", _SUITING, **{**_JACKET, "fit": (0.3, 0.6), "waist": (0.1, 0.6), "shape": [STRAIGHT, SLIM]}, neck="lapel",
                     hem=(3.4, 4.0), front=["open", "buttons", "double"], trims=[("flap pockets",), ("flap pockets",), ()]),
    "jacket": _upper("outer", "jacket/blazer", (*_PLAIN, "camouflage", "corduroy", "houndstooth"), **_JACKET, neck=["collar", "mandarin", "round"], hem=(3.1, 3.8),
                     front=["zip", "buttons", "open"], trims=[("slant pockets",), ("two chest pockets",), ("flap pockets", "yoke seam"), ("hem seam",)]),
    "short sleeve jacket": _upper("outer", "jacket/blazer", (*_PLAIN, "ethnic", "floral", "stripes"), **{**_JACKET, "sleeve": (0.2, 0.56), "shape": [WIDE, STRAIGHT]},
                                  neck=["lapel", "collar", "round", "v"], hem=(3.0, 4.3), front="open", trims=[(), ("flap pockets",), ("border",), ("fringe",)]),
    "denim jacket": _upper("outer", "jacket/blazer", _DENIM, **{**_JACKET, "cuff": 0.1}, neck="collar", hem=(3.1, 3.6), front=["buttons", "open"],
                           trims=[("two chest pockets", "yoke seam", "hem seam")]),
    "leather jacket": _upper("outer", "jacket/blazer", ("plain",), **{**_JACKET, "fit": (0.3, 0.6)}, neck=["lapel", "mandarin", "collar"], hem=(3.0, 3.5),
                             front=["open", "zip"], trims=[("biker",), ("biker", "studs"), ("biker", "hem seam")]),
    "bomber": _upper("outer", "jacket/blazer", (*_PLAIN, "camouflage", "floral"), **{**_JACKET, "fit": (0.6, 0.98), "cuff": 0.13, "shape": [WIDE, BALLOON]},
                     neck="mandarin", hem=(3.1, 3.5), front=["zip", "open"], trims=[("hem rib", "slant pockets"), ("hem rib",)]),
    "anorak": _upper("outer", "jacket/blazer", (*_PLAIN, "camouflage"), **{**_JACKET, "fit": (0.6, 0.98)}, neck="hood", hem=(3.5, 4.2), front=["zip", "placket"],
                     trims=[("kangaroo",), ("band", "slant pockets"), ("yoke", "slant pockets"), ("flap pockets",)]),
    "puffer jacket": _upper("outer", "jacket/blazer", ("plain",), **{**_JACKET, "fit": (0.8, 1.1), "shape": [WIDE]}, neck=["hood", "mandarin"], hem=(3.2, 4.2),
                            front="zip", trims=[("quilting",), ("quilting", "slant pockets")]),
    "peacoat": _upper("outer", "coat", _COATING, **{**_COAT, "hem": (3.9, 4.5)}, neck="lapel", trims=[("flap pockets",), ("slant pockets",)]) ,
    "parka": _upper("outer", "coat", (*_PLAIN, "camouflage", "quilt"), **{**_COAT, "hem": (4.1, 4.9), "fit": (0.7, 1.0), "front": ["zip", "open", "buttons"]},
                    neck="hood", trims=[("flap pockets",), ("flap pockets", "two chest pockets"), ("sash", "flap pockets")]),
    "coat": _upper("outer", "coat", _COATING, **_COAT, neck=["lapel", "lapel", "collar", "shawl", "round"], trims=[("slant pockets",), ("flap pockets",), ("sash",)]),
    "trench coat": _upper("outer", "coat", _PLAIN, **{**_COAT, "hem": (4.8, 6.0), "front": ["double", "double", "open"]}, neck="lapel",
                          trims=[("sash", "slant pockets"), ("sash", "yoke seam")]),
    "cape": _upper("outer", "coat", _COATING, neck=["round", "mandarin", "hood"], sleeve=(0.5, 0.72), shape=[(0.2, 0.4, 0.55)], fit=(1.2, 1.6), waist=0.0,
                   hem=(3.4, 4.4), flare=(0.1, 0.3), front=["buttons", "open", ""], trims=[(), ("fringe",), ("border",)]),
    "kimono": _upper("outer", "coat", _PRINTED[2:], neck="shawl", sleeve=(0.5, 0.85), shape=[(0.16, 0.22, 0.26)], fit=(0.6, 1.0), waist=0.0, hem=(4.0, 5.8),
                     flare=(0.0, 0.1), front="open", trims=[("border",), ("fringe",), ()]),
    "gilet": _upper("outer", "vest", (*_PLAIN, "quilt", "tartan", "denim"), neck=["v", "collar", "mandarin"], shoulder=(-0.14, -0.04), fit=(0.25, 0.7),
                    waist=(0.0, 0.4), hem=(3.1, 3.8), front=["buttons", "open", "zip"], trims=[(), ("flap pockets",), ("quilting",)]),
    # Lower garments
    "trousers": _lower("pants/jeans", _SUITING, rise=(2.65, 3.0), length=(0.86, 1.0), thigh=(0.03, 0.12), knee=(0.04, 0.16), ankle=(0.03, 0.24),
                       trims=[("press crease", "pockets", "fly"), ("pockets", "fly"), ("pockets",)]),
    "jeans": _lower("pants/jeans", _DENIM, rise=(2.7, 3.05), length=(0.84, 1.0), thigh=(0.015, 0.09), knee=(0.015, 0.12), ankle=(0.02, 0.2),
                    trims=[("fly", "pockets", "stitch"), ("fly", "pockets", "stitch", "turn-up"), ("fly", "pockets", "stitch", "rips")]),
    "chinos": _lower("pants/jeans", ("plain", "plain", "corduroy"), rise=(2.8, 3.05), length=(0.85, 0.99), thigh=(0.03, 0.1), knee=(0.03, 0.09), ankle=(0.02, 0.07),
                     trims=[("fly", "pockets"), ("fly", "pockets", "turn-up")]),
    "joggers": _lower("pants/jeans", (*_PLAIN, "camouflage"), rise=(2.8, 3.05), length=(0.86, 0.96), thigh=(0.07, 0.16), knee=(0.07, 0.15), ankle=(0.02, 0.05),
                      waistband="elastic", trims=[("ankle rib", "cords"), ("ankle rib", "side stripe"), ("ankle rib", "pockets", "cords"), ("ankle rib", "cargo")]),
    "sweatpants": _lower("pants/jeans", _PLAIN, rise=(2.8, 3.05), length=(0.9, 1.0), thigh=(0.06, 0.14), knee=(0.07, 0.14), ankle=(0.06, 0.14),
                         waistband="elastic", trims=[("cords",), ("side stripe", "cords"), ("pockets",)]),
    "cargo trousers": _lower("pants/jeans", ("plain", "camouflage"), rise=(2.8, 3.05), length=(0.88, 1.0), thigh=(0.08, 0.16), knee=(0.08, 0.17), ankle=(0.05, 0.18),
                             trims=[("cargo", "fly", "pockets"), ("cargo", "ankle rib")]),
    "culottes": _lower("pants/jeans", _PRINTED, rise=(2.65, 2.9), length=(0.55, 0.84), thigh=(0.08, 0.18), knee=(0.16, 0.3), ankle=(0.26, 0.42),
                       trims=[("press crease",), ("pockets",), ()]),
    "capris": _lower("pants/jeans", (*_DENIM, "gingham"), rise=(2.75, 3.0), length=(0.58, 0.78), thigh=(0.02, 0.08), knee=(0.02, 0.09), ankle=(0.05, 0.12),
                     trims=[("fly", "pockets"), ("fly", "pockets", "turn-up")]),
    "leggings": _lower("tights/leggings", ("plain", "plain", "melange", "marble", "leopard", "floral"), rise=(2.65, 3.0), length=(0.6, 0.96), thigh=(0.0, 0.012),
                       knee=(0.0, 0.012), ankle=(0.004, 0.016), waistband=["elastic", "band", ""], trims=[(), (), ("side stripe",)]),
    "jeggings": _lower("pants/jeans", _DENIM, rise=(2.7, 3.0), length=(0.78, 0.96), thigh=(0.004, 0.02), knee=(0.002, 0.02), ankle=(0.004, 0.02),
                       trims=[("pockets",), ("pockets", "fly"), ("stitch",)]),
    "shorts": _lower("shorts", (*_PLAIN, "gingham", "floral", "stripes"), rise=(2.65, 3.05), length=(0.14, 0.5), thigh=(0.04, 0.16), knee=(0.08, 0.2), ankle=0.1,
                     trims=[("fly", "pockets"), ("pockets",), ("pockets", "turn-up"), ("press crease", "pockets")]),
    "denim shorts": _lower("shorts", _DENIM, rise=(2.65, 3.0), length=(0.1, 0.32), thigh=(0.03, 0.1), knee=0.08, ankle=0.1,
                           trims=[("fly", "pockets", "stitch"), ("fly", "pockets", "turn-up")]),
    "sweatshorts": _lower("shorts", (*_PLAIN, "leaves"), rise=(2.75, 3.05), length=(0.2, 0.48), thigh=(0.08, 0.16), knee=(0.1, 0.2), ankle=0.1, waistband="elastic",
                          trims=[("cords",), ("side stripe",), ("cords", "side stripe")]),
    "skirt": _skirt(_PRINTED, rise=(2.6, 2.95), hem=(4.2, 6.7), ease=(0.02, 0.14), flare=(0.0, 0.34), folds=(2, 9), wave=(0.0, 0.06), sway=(-0.1, 0.1), slant=[0.0, 0.0, 0.2, -0.2],
                    trims=[(), (), ("tiers",), ("buttons",), ("wrap",), ("border",), ("lace trim",), ("slit",)]),
    "mini skirt": _skirt((*_DENIM, *_PRINTED), rise=(2.65, 3.0), hem=(4.0, 4.7), ease=(0.01, 0.1), flare=(-0.02, 0.3), folds=(1, 6), wave=(0.0, 0.05), sway=(-0.05, 0.05),
                         trims=[(), ("pockets",), ("buttons",), ("tiers",), ("pleats",)]),
    "pencil skirt": _skirt(_SUITING, rise=(2.6, 2.85), hem=(4.9, 5.7), ease=(0.0, 0.03), flare=(-0.12, -0.04), folds=(1, 2), wave=(0.0, 0.01), sway=(-0.03, 0.03),
                           trims=[(), ("slit",), ("wrap",)]),
    "pleated skirt": _skirt(("plain", "plain", "tartan", "stripes"), rise=(2.6, 2.9), hem=(4.2, 6.2), ease=(0.03, 0.1), flare=(0.1, 0.32), folds=(4, 8), wave=(0.02, 0.05),
                            sway=(-0.1, 0.1), trims=[("pleats",)]),
    # One-piece garments
    "dress": _upper("full", "dress", _PRINTED, **_DRESS, neck=["round", "v", "scoop", "square", "boat", "off"], sleeve=[0.0, (0.12, 0.5), (0.2, 0.5), (0.62, 1.0)],
                    shape=[SLIM, STRAIGHT, PUFF, BELL], shoulder=(-0.12, 0.0), front=["", "", "", "buttons"]),
    "sundress": _upper("full", "dress", _PRINTED, **{**_DRESS, "hem": (4.3, 6.0)}, straps=["thin", "thin", "wide", "halter"], neck=["sweetheart", "round", "v"]),
    "shirtdress": _upper("full", "dress", _SHIRTING, **{**_DRESS, "hem": (4.2, 5.8), "trims": [("sash",), ("two chest pockets",), ("sash", "chest pocket")]}, neck="collar",
                         front=["buttons", "placket"], sleeve=[(0.25, 0.5), (0.62, 1.0)], shape=[STRAIGHT, WIDE]),
    "sweater dress": _upper("full", "dress", _KNIT, **{**_KNITWEAR, "hem": (4.2, 5.2), "fit": (0.1, 0.6)}, neck=["turtle", "round", "v"], trims=[(), ("hem rib",)]),
    "slip dress": _upper("full", "dress", ("plain", "plain", "lace", "floral"), straps="thin", neck=["v", "sweetheart", "round"], depth=(-0.05, 0.1), fit=(0.0, 0.3),
                         waist=(0.1, 0.6), hem=(4.2, 6.4), flare=(-0.02, 0.14), gather=(0.0, 0.5), trims=[(), ("shine",), ("lace trim",)]),
    "gown": _upper("full", "dress", ("plain", "plain", "lace", "sequins", "floral"), neck=["sweetheart", "v", "round", "off", "square"], straps=["", "none", "thin", "halter"],
                   sleeve=[0.0, 0.0, (0.1, 0.3), (0.7, 1.0)], shape=[SLIM, BELL, PUFF], depth=(-0.05, 0.15), fit=(0.0, 0.15), waist=(0.7, 1.1), hem=(6.2, 7.25),
                   flare=(0.1, 0.5), gather=(0.4, 1.0), trims=[("shine",), ("shine", "sash"), ("waist seam",), ("shine", "lace trim"), ("bow",)]),
    "cocktail dress": _upper("full", "dress", ("plain", "sequins", "lace", "plain"), neck=["sweetheart", "v", "boat", "off"], straps=["", "none", "thin"],
                             sleeve=[0.0, 0.0, (0.1, 0.25), (0.8, 1.0)], shape=[SLIM, PUFF], fit=(0.0, 0.15), waist=(0.6, 1.1), hem=(4.2, 5.6), flare=(0.0, 0.6),
                             gather=(0.2, 1.0), trims=[("shine",), ("sash", "shine"), ("bow",), ("waist seam",)]),
    "caftan": _upper("full", "dress", ("ethnic", "paisley", "floral", "plain", "zigzag"), neck=["v", "mandarin", "round"], sleeve=(0.45, 0.85), shape=[(0.2, 0.3, 0.4)],
                     fit=(0.9, 1.4), waist=(0.0, 0.2), hem=(5.2, 7.0), flare=(0.02, 0.14), gather=(0.2, 0.8), trims=[("embroidery",), ("border", "embroidery"), ("border",)]),
    "lolita dress": _upper("full", "dress", ("plain", "gingham", "dots", "floral", "tartan"), neck=["square", "collar", "round"], sleeve=[(0.2, 0.4), (0.8, 1.0)], shape=[PUFF],
                           fit=(0.0, 0.15), waist=(0.9, 1.1), hem=(4.7, 5.3), flare=(0.5, 0.8), gather=(0.8, 1.0),
                           trims=[("bow", "tiers", "lace trim"), ("ruffles", "lace trim"), ("bow", "lace trim"), ("sash", "tiers", "lace trim")]),
    "jumpsuit": Article("full", "dress", (
        (Lower, {"rise": 2.6, "length": (0.8, 1.0), "thigh": (0.04, 0.14), "knee": (0.04, 0.2), "ankle": (0.03, 0.3), "waistband": "", "trims": [(), ("pockets",)]}),
        (Upper, {"neck": ["v", "round", "collar", "square", "lapel"], "straps": ["", "", "thin", "halter"], "sleeve": [0.0, (0.2, 0.5), (0.7, 1.0)], "shape": [STRAIGHT, SLIM],
                 "fit": (0.0, 0.3), "waist": (0.5, 1.0), "hem": (2.8, 2.95), "front": ["", "zip", "buttons"], "trims": [("sash",), ("waist seam",), ()]}),
    ), _PRINTED),
    "romper": Article("full", "dress", (
        (Lower, {"rise": 2.6, "length": (0.12, 0.34), "thigh": (0.05, 0.15), "knee": 0.1, "ankle": 0.1, "waistband": "", "trims": [(), ("pockets",), ("turn-up",)]}),
        (Upper, {"neck": ["v", "round", "square", "off"], "straps": ["", "thin", "none"], "sleeve": [0.0, (0.2, 0.5), (0.7, 1.0)], "shape": [STRAIGHT, BELL, PUFF],
                 "fit": (0.05, 0.4), "waist": (0.4, 1.0), "hem": (2.8, 2.95), "trims": [("sash",), ("waist seam",), ("bow",)]}),
    ), _PRINTED),
    "dungarees": Article("full", "pants/jeans", (
        (Lower, {"rise": 2.6, "length": [(0.15, 0.4), (0.85, 1.0), (0.85, 1.0)], "thigh": (0.06, 0.14), "knee": (0.06, 0.15), "ankle": (0.05, 0.15), "waistband": "band",
                 "trims": [("pockets", "stitch"), ("pockets", "turn-up")]}),
        (Upper, {"straps": "wide", "neck": "round", "depth": (0.0, 0.12), "fit": (0.0, 0.3), "waist": (0.0, 0.3), "hem": 2.75, "trims": ("bib",)}),
    ), _DENIM),
}  # fmt: skip

# The ten classes of the categories paper. A set ("suit", "co-ord set") is several articles in one cloth.
SETS = {
    "suit": (("blazer",), ("trousers", "trousers", "pencil skirt", "shorts")),
    "co-ord set": (("top", "camisole", "shirt", "sweatshirt"), ("trousers", "trousers", "shorts", "culottes", "skirt")),
}
CATEGORIES = {
    "coat and jacket": ("coat", "trench coat", "peacoat", "parka", "anorak", "bomber", "jacket", "denim jacket", "leather jacket", "blazer", "puffer jacket"),
    "dress": ("dress", "dress", "dress", "sundress", "shirtdress", "slip dress", "sweater dress"),
    "top": ("t-shirt", "top", "tank top", "camisole", "blouse", "shirt", "sweater", "hoodie", "tunic", "long sleeve t-shirt"),
    "shorts": ("shorts", "shorts", "denim shorts", "sweatshorts"),
    "trousers": ("trousers", "jeans", "chinos", "joggers", "sweatpants", "cargo trousers", "culottes", "capris"),
    "skirt": ("skirt", "skirt", "mini skirt", "pencil skirt", "pleated skirt"),
    "leggings and jeggings": ("leggings", "jeggings"),
    "outfit": ("jumpsuit", "jumpsuit", "romper", "dungarees", "co-ord set"),
    "special occasion": ("gown", "gown", "gown", "cocktail dress", "caftan", "kimono"),
    "suits": ("suit",),
}  # fmt: skip

_BY_SLEEVE = {"upper": ("vest", "short sleeve top", "long sleeve top"), "full": ("vest dress", "short sleeve dress", "long sleeve dress"),
              "outer": (None, "short sleeve outwear", "long sleeve outwear")}  # fmt: skip
LONG_SLEEVE = 0.58  # from this share of the arm on, a sleeve counts as long

TYPE_ARTICLES = {
    "short sleeve top": ("t-shirt", "t-shirt", "top", "blouse", "shirt", "polo shirt", "henley", "jersey", "tunic"),
    "long sleeve top": ("top", "blouse", "shirt", "sweater", "turtleneck", "sweatshirt", "hoodie", "long sleeve t-shirt", "flannel shirt", "tunic"),
    "short sleeve outwear": ("short sleeve jacket", "cardigan", "cape", "kimono"),
    "long sleeve outwear": ("coat", "trench coat", "parka", "jacket", "blazer", "denim jacket", "leather jacket", "bomber", "cardigan", "anorak"),
    "vest": ("tank top",),
    "sling": ("camisole", "camisole", "halter top", "tube top"),
    "shorts": CATEGORIES["shorts"],
    "trousers": (*CATEGORIES["trousers"], "leggings", "jeggings"),
    "skirt": CATEGORIES["skirt"],
    "short sleeve dress": ("dress", "dress", "shirtdress", "lolita dress", "cocktail dress"),
    "long sleeve dress": ("dress", "dress", "shirtdress", "sweater dress", "gown"),
    "vest dress": ("dress", "dress", "gown", "cocktail dress"),
    "sling dress": ("sundress", "sundress", "slip dress", "gown", "cocktail dress"),
}  # fmt: skip


def garment_type(role, pieces):
    """The DeepFashion2 type of an article's pieces, or None where it has none (jumpsuits, gilets)."""
    piece = pieces[0]
    if len(pieces) > 1:
        return None
    if isinstance(piece, Skirt):
        return "skirt"
    if isinstance(piece, Lower):
        return "shorts" if piece.length < 0.53 else "trousers"
    if piece.straps:
        return {"upper": "sling", "full": "sling dress"}.get(role)
    return _BY_SLEEVE[role][0 if not piece.sleeve else 1 if piece.sleeve < LONG_SLEEVE else 2]


class Worn:
    """One garment on one body: an article's pieces with sampled measures, its cloth and its number.

    Args:
        rng: Source of all randomness.
        article: A name of `ARTICLES`.
        owner: The garment's number on the canvas, from 1 up.
        colour, pattern: Names, or None to choose.
        type: The DeepFashion2 type to come out as, or None for any.
        fabric: A ready `Fabric`, for sets in one cloth.
        accents: Colour names for the pattern, or None for any that stand out.
    """

    def __init__(self, rng, article, owner, colour=None, pattern=None, type=None, fabric=None, accents=None):
        entry = ARTICLES[article]
        self.rng, self.article, self.owner, self.role = rng, article, owner, entry.role
        self.label = PARSING_LABELS.index(entry.label)
        for _ in range(200):
            self.pieces = [make(**_sample(rng, ranges)) for make, ranges in entry.pieces]
            self.type = garment_type(entry.role, self.pieces)
            if type in (None, self.type):
                break
        else:
            raise ValueError(f"article {article!r} is never a {type!r}")
        relief = {"light": 60, "folds": 34, "crumple": 26} if article == "leather jacket" else None
        self.fabric = fabric or Fabric(rng, colour, pattern or pick(rng, entry.cloths), accents=accents, relief=relief)
        self.crease = whole(rng, 12, 34)
        self.spread = rng.random()
        self.contrast = chance(rng, 0.22)
        self.accent = (
            self.fabric.accents[0] if chance(rng, 0.7) and self.fabric.pattern not in ("plain", "melange") else None
        )
        if self.accent is None and chance(rng, 0.6):
            self.accent = Fabric(rng, pattern="dots").accents[0] if self.contrast else None
        self.stripe_sleeve = chance(rng, 0.08)

    def extent(self, body):
        return np.concatenate([piece.extent(body) for piece in self.pieces])

    def sleeve(self):
        """The longest sleeve, as a share of the arm."""
        sleeves = [piece.sleeve for piece in self.pieces if isinstance(piece, Upper) and not piece.straps]
        return max(sleeves, default=0.0)

    def draw(self, canvas, body):
        """Everything but sleeves."""
        for piece in self.pieces:
            piece.draw(canvas, body, self)

    def draw_sleeve(self, canvas, body, side, under=False):
        for piece in self.pieces:
            if isinstance(piece, Upper):
                piece.draw_sleeve(canvas, body, self, side, under)

    def landmarks(self, body):
        """Image points (n, 2) in the order of the DeepFashion2 type; n is 0 where there is no type."""
        if self.type is None:
            return np.zeros((0, 2))
        return self.pieces[0].landmarks(body, self.type)
