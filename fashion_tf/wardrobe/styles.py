"""The 14 styles of FashionStyle14, each told by cut, pattern, palette and accessories together.

No single colour, garment or place belongs to one style: every palette shares colours with others and every style
strays from its own now and then.
"""

from dataclasses import dataclass

from .fabrics import COLOUR_NAMES
from .pencil import chance, pick

STYLES = ("conservative", "dressy", "ethnic", "fairy", "feminine", "gal", "girlish", "kireime-casual", "lolita", "mode",
          "natural", "retro", "rock", "street")  # fmt: skip


@dataclass(frozen=True)
class _Style:
    outfits: tuple  # tuples of garments
    colours: tuple
    patterns: tuple
    shoes: tuple
    extras: tuple  # (choices, share)
    hair: tuple
    places: tuple = ("street", "studio", "plain", "park", "room", "brick")
    blond: float = 0.1


_STYLES = {
    "conservative": _Style(
        (("blouse", "pencil skirt"), ("sweater", "skirt"), ("blouse", "trousers", "blazer"), ("shirtdress",), ("dress", "cardigan"), ("blouse", "skirt", "cardigan")),
        ("navy blue", "white", "beige", "grey", "cream", "light blue", "pink", "charcoal"), ("plain", "plain", "plain", "pinstripe", "stripes", "dots"),
        ("heels", "heels", "flats", "loafers"), ((("handbag", "tote"), 0.75), (("necklace",), 0.4), (("watch",), 0.35), (("belt",), 0.3), (("scarf",), 0.12)),
        ("long", "bob", "ponytail", "bun")),
    "dressy": _Style(
        (("cocktail dress",), ("gown",), ("cocktail dress", "blazer"), ("slip dress",), ("dress", "cape"), ("gown",)),
        ("black", "navy blue", "maroon", "red", "silver", "purple", "pink", "cream", "teal"), ("plain", "plain", "lace", "sequins", "plain"),
        ("heels", "heels", "sandals"), ((("clutch",), 0.7), (("necklace",), 0.65), (("bracelet",), 0.4)), ("bun", "bun", "wavy", "long"), ("room", "studio", "night", "plain")),
    "ethnic": _Style(
        (("kurta", "leggings"), ("caftan",), ("tunic", "jeans"), ("top", "skirt", "kimono"), ("kurta", "trousers"), ("sundress", "kimono"), ("tunic", "skirt", "short sleeve jacket")),
        ("rust", "mustard", "maroon", "teal", "cream", "brown", "orange", "olive", "turquoise blue", "magenta"), ("ethnic", "ethnic", "paisley", "zigzag", "floral", "plain"),
        ("sandals", "sandals", "boots", "flats"), ((("shoulder bag", "tote"), 0.6), (("necklace",), 0.55), (("bracelet",), 0.5), (("fedora", "headband", "sun hat"), 0.4), (("scarf",), 0.3)),
        ("long", "wavy", "wavy", "curly")),
    "fairy": _Style(
        (("dress",), ("sundress", "cardigan"), ("blouse", "skirt"), ("dress", "kimono"), ("camisole", "skirt", "cardigan"), ("slip dress", "cardigan")),
        ("white", "cream", "lavender", "sea green", "peach", "pink", "light blue", "beige"), ("lace", "lace", "floral", "plain", "plain", "marble"),
        ("flats", "sandals", "ankle boots"), ((("flower crown", "headband"), 0.5), (("necklace",), 0.3), (("tote", "shoulder bag"), 0.3), (("socks",), 0.3)),
        ("wavy", "wavy", "long", "pigtails"), ("park", "park", "plain", "sky", "room"), 0.45),
    "feminine": _Style(
        (("blouse", "skirt"), ("dress",), ("top", "skirt"), ("dress", "cardigan"), ("blouse", "culottes"), ("top", "pleated skirt", "trench coat")),
        ("pink", "white", "beige", "peach", "lavender", "light blue", "cream", "red", "navy blue"), ("floral", "plain", "plain", "dots", "lace", "stripes"),
        ("heels", "heels", "sandals", "flats"), ((("handbag", "shoulder bag"), 0.65), (("necklace",), 0.45), (("bracelet",), 0.25), (("headband", "beret"), 0.12)),
        ("wavy", "long", "bob")),
    "gal": _Style(
        (("tube top", "denim shorts"), ("top", "mini skirt"), ("camisole", "mini skirt", "cardigan"), ("sweater dress",), ("halter top", "denim shorts", "bomber"), ("top", "mini skirt", "puffer jacket")),
        ("black", "magenta", "white", "pink", "beige", "purple", "grey", "mustard", "red"), ("leopard", "leopard", "plain", "plain", "zigzag", "tartan", "sequins"),
        ("boots", "boots", "heels"), ((("sunglasses",), 0.4), (("necklace",), 0.5), (("bracelet",), 0.5), (("shoulder bag", "handbag"), 0.5), (("belt",), 0.35), (("fedora", "beanie"), 0.15)),
        ("wavy", "wavy", "long", "ponytail"), blond=0.7),
    "girlish": _Style(
        (("sweater", "pleated skirt"), ("blouse", "dungarees"), ("dress",), ("blouse", "mini skirt", "cardigan"), ("t-shirt", "mini skirt"), ("romper",), ("sweater", "mini skirt")),
        ("pink", "red", "white", "navy blue", "light blue", "mustard", "cream", "green", "peach"), ("gingham", "dots", "floral", "plain", "plain", "stripes", "tartan", "stars"),
        ("sneakers", "flats", "loafers", "ankle boots"), ((("socks",), 0.6), (("beret", "headband", "beanie"), 0.45), (("backpack", "shoulder bag"), 0.55), (("tights",), 0.2), (("bow tie",), 0.15)),
        ("pigtails", "bob", "ponytail", "long")),
    "kireime-casual": _Style(
        (("shirt", "trousers"), ("sweater", "trousers"), ("t-shirt", "trousers", "blazer"), ("blouse", "jeans"), ("turtleneck", "trousers", "coat"), ("top", "culottes"), ("shirt", "chinos", "trench coat")),
        ("white", "navy blue", "beige", "grey", "black", "khaki", "light blue", "charcoal", "blue"), ("plain", "plain", "plain", "stripes", "upright stripes", "melange"),
        ("loafers", "flats", "heels", "sneakers"), ((("tote", "handbag"), 0.7), (("watch",), 0.4), (("sunglasses", "glasses"), 0.2), (("belt",), 0.4), (("scarf",), 0.15)),
        ("bob", "long", "bun", "ponytail")),
    "lolita": _Style(
        (("lolita dress",), ("lolita dress",), ("lolita dress",), ("lolita dress", "cape"), ("lolita dress", "cardigan")),
        ("pink", "black", "white", "light blue", "maroon", "lavender", "cream", "red", "navy blue"), ("plain", "plain", "gingham", "dots", "floral", "tartan"),
        ("flats", "loafers", "heels", "ankle boots"), ((("headband",), 0.75), (("socks", "tights"), 0.9), (("handbag",), 0.5), (("necklace",), 0.3), (("gloves",), 0.15)),
        ("pigtails", "wavy", "long"), blond=0.3),
    "mode": _Style(
        (("turtleneck", "culottes"), ("top", "trousers", "coat"), ("shirt", "culottes", "coat"), ("jumpsuit",), ("tunic", "trousers"), ("turtleneck", "skirt", "leather jacket"), ("slip dress", "turtleneck")),
        ("black", "black", "charcoal", "white", "grey", "black", "cream", "navy blue"), ("plain", "plain", "plain", "plain", "houndstooth", "marble"),
        ("ankle boots", "loafers", "heels", "boots"), ((("clutch", "tote"), 0.5), (("sunglasses",), 0.3), (("fedora", "beret"), 0.35), (("glasses",), 0.1)),
        ("bob", "bob", "crop", "bun"), ("studio", "plain", "street", "shutter", "brick")),
    "natural": _Style(
        (("tunic", "capris"), ("shirt", "culottes"), ("dress",), ("sweater", "culottes"), ("t-shirt", "dungarees"), ("blouse", "skirt", "cardigan"), ("tunic", "leggings", "cardigan")),
        ("beige", "white", "cream", "olive", "brown", "navy blue", "khaki", "grey", "mustard"), ("plain", "plain", "gingham", "stripes", "melange", "dots"),
        ("flats", "sandals", "sneakers", "ankle boots"), ((("tote",), 0.7), (("sun hat", "beret"), 0.35), (("scarf",), 0.35), (("socks",), 0.3), (("glasses",), 0.2)),
        ("bob", "bun", "short", "long"), ("park", "room", "street", "plain")),
    "retro": _Style(
        (("blouse", "skirt"), ("shirtdress",), ("dress",), ("turtleneck", "mini skirt"), ("shirt", "pleated skirt"), ("dress", "cardigan"), ("blouse", "jeans")),
        ("mustard", "rust", "maroon", "green", "brown", "cream", "teal", "orange", "red", "navy blue"), ("tartan", "dots", "argyle", "windowpane", "floral", "corduroy", "paisley", "zigzag"),
        ("loafers", "flats", "ankle boots", "heels"), ((("beret", "fedora", "headband"), 0.5), (("glasses", "sunglasses"), 0.35), (("handbag", "shoulder bag"), 0.5), (("tights", "socks"), 0.45), (("belt",), 0.3)),
        ("bob", "wavy", "curly", "bun")),
    "rock": _Style(
        (("t-shirt", "jeans", "leather jacket"), ("tank top", "denim shorts", "leather jacket"), ("t-shirt", "mini skirt"), ("t-shirt", "leggings", "denim jacket"), ("flannel shirt", "jeans"),
         ("t-shirt", "jeans", "gilet"), ("slip dress", "leather jacket")),
        ("black", "black", "charcoal", "grey", "red", "maroon", "white", "purple"), ("plain", "plain", "tartan", "leopard", "stripes", "denim", "stars"),
        ("boots", "boots", "ankle boots", "sneakers"), ((("necklace",), 0.45), (("bracelet",), 0.4), (("belt",), 0.55), (("sunglasses",), 0.3), (("tights",), 0.35), (("fedora", "beanie"), 0.25)),
        ("long", "wavy", "short", "crop"), ("brick", "shutter", "street", "night", "studio")),
    "street": _Style(
        (("hoodie", "joggers"), ("sweatshirt", "cargo trousers"), ("jersey", "shorts"), ("t-shirt", "jeans", "bomber"), ("sweatshirt", "leggings", "anorak"), ("hoodie", "jeans", "denim jacket"),
         ("jersey", "sweatpants"), ("t-shirt", "joggers", "puffer jacket")),
        ("black", "white", "grey", "red", "blue", "olive", "yellow", "navy blue", "orange", "lime green"), ("plain", "plain", "plain", "camouflage", "melange", "stripes", "marble"),
        ("sneakers",), ((("cap", "beanie"), 0.65), (("backpack", "shoulder bag"), 0.55), (("socks",), 0.4), (("sunglasses",), 0.15), (("necklace",), 0.2)),
        ("long", "ponytail", "short", "bob"), ("street", "brick", "shutter", "street", "studio")),
}  # fmt: skip

_STRAY = 0.14  # how often a choice ignores its style


class style_outfit:  # noqa: N801 - reads as a function at the one place that calls it
    """One outfit in a style: `names`, and how to choose colour, pattern, hair and place."""

    def __init__(self, rng, style):
        self._style = _STYLES[style]
        self.names = list(pick(rng, self._style.outfits)) + [pick(rng, self._style.shoes)]
        for choices, share in self._style.extras:
            if chance(rng, share):
                self.names.append(pick(rng, choices))
        # Two or three colours make an outfit.
        self._palette = [pick(rng, self._style.colours) for _ in range(3)]

    def colour(self, rng, name):
        return pick(rng, COLOUR_NAMES) if chance(rng, _STRAY) else pick(rng, self._palette)

    def pattern(self, rng, name):
        return None if chance(rng, _STRAY) else pick(rng, self._style.patterns)

    def accents(self, rng):
        """Two colours for a pattern, mostly from the style's own."""
        return [pick(rng, COLOUR_NAMES) if chance(rng, _STRAY) else pick(rng, self._style.colours) for _ in range(2)]

    def hair(self, rng, body):
        if chance(rng, self._style.blond):
            body.hair = (206, 170, 112) if chance(rng, 0.6) else (150, 106, 70)
        return None if chance(rng, _STRAY) else pick(rng, self._style.hair)

    def place(self, rng):
        return None if chance(rng, 0.3) else pick(rng, self._style.places)
