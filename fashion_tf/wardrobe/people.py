"""People in clothes: dressing a body in the right order, and the two calls that draw one."""

from .accessories import ACCESSORIES, Accessory, draw_behind
from .articles import ARTICLES, CATEGORIES, GARMENT_TYPES, SETS, TYPE_ARTICLES, Worn
from .body import CROTCH, FLOOR, WAIST, Body, Head
from .cuts import Lower, Skirt
from .drawing import finish
from .fabrics import COLOUR_NAMES, PRINTS, TEXTURES, Fabric
from .pencil import between, chance, disc, pick
from .scenes import background, occlude

_SHOES = tuple(name for name, entry in ACCESSORIES.items() if entry[0] in ("shoes", "boots"))
_BAGS = tuple(name for name, entry in ACCESSORIES.items() if entry[0] == "bag")
_HATS = tuple(name for name, entry in ACCESSORIES.items() if entry[0] == "hat/headband")
_NEUTRALS = ("black", "white", "grey", "navy blue", "beige", "charcoal", "cream", "brown", "blue")

_UPPER = ("t-shirt", "t-shirt", "top", "shirt", "blouse", "tank top", "sweater", "camisole", "hoodie", "sweatshirt",
          "long sleeve t-shirt", "turtleneck", "polo shirt", "henley", "tunic", "flannel shirt", "jersey", "halter top")  # fmt: skip
_LOWER = ("jeans", "jeans", "jeans", "trousers", "shorts", "skirt", "mini skirt", "leggings", "chinos", "joggers", "denim shorts",
          "culottes", "pencil skirt", "pleated skirt", "jeggings", "sweatpants", "capris", "cargo trousers")  # fmt: skip
_FULL = (
    "dress",
    "dress",
    "dress",
    "sundress",
    "shirtdress",
    "jumpsuit",
    "romper",
    "slip dress",
    "sweater dress",
    "gown",
    "dungarees",
    "cocktail dress",
)
_OUTER = ("jacket", "blazer", "cardigan", "coat", "denim jacket", "leather jacket", "bomber", "trench coat", "parka", "gilet", "anorak",
          "puffer jacket", "peacoat", "kimono", "short sleeve jacket", "cape")  # fmt: skip
_WOMEN_ONLY = {"top", "blouse", "camisole", "halter top", "tube top", "skirt", "mini skirt", "pencil skirt", "pleated skirt", "leggings", "jeggings", "tunic",
               "culottes", "heels", "flats", "handbag", "clutch", "headband", "sun hat", "tights", "kimono", "cape", "flower crown", "capris", *_FULL, "lolita dress", "caftan"}  # fmt: skip
_WOMEN_ONLY -= {"dungarees"}


# Dressing --------------------------------------------------------------------------------------------------------


def draw_figure(canvas, body, head, worn, extras, tucked=False):
    """Draws a dressed body, from the back of the hair to the bag in front.

    Args:
        canvas: The `Canvas` to draw on.
        body: A placed `Body`; when it is flat, only the garments are drawn.
        head: Its `Head`, or None for a flat one.
        worn: `Worn` garments.
        extras: `Accessory`s.
        tucked: Whether upper garments go under the waistband.
    """
    by_role = {role: [one for one in worn if one.role == role] for role in ("lower", "upper", "full", "outer")}
    of = {}
    for extra in extras:
        group = ACCESSORIES[extra.article][0]
        of.setdefault("legwear" if extra.article in ("socks", "tights") else group, []).append(extra)
    covered = (
        max((one.pieces[0].hem for one in by_role["full"] if not isinstance(one.pieces[0], Lower)), default=0) > 6.6
    )

    def shows(top, bottom):
        """Whether the body between two heights is in the image; a crop spares the rest."""
        return body.at((0, bottom))[1] > 0 and body.at((0, top))[1] < canvas.image.shape[0]

    def lay(*groups):
        for group in groups:
            for extra in of.get(group, ()):
                extra.draw(canvas, body)

    def arm(side):
        trunk = [*by_role["upper"], *by_role["full"], *by_role["outer"]]
        longest = max((one.sleeve() for one in trunk), default=0.0)
        if not body.flat:
            body.draw_arm(canvas, side, start=0.92 * longest - 0.06 if longest > 0.14 else 0.0)
            for extra in of.get("watch/bracelet", ()):
                if extra.side == side:
                    extra.draw(canvas, body)
        for index, one in enumerate(trunk):
            over = max((other.sleeve() for other in trunk[index + 1 :]), default=0.0)
            if one.sleeve() > over:
                one.draw_sleeve(canvas, body, side, under=over > 0)

    if not body.flat:
        if shows(-0.4, 2.7):
            head.draw_back(canvas)
        for extra in extras:
            draw_behind(extra, canvas, body)
        for side in (0, 1):
            if body.behind[side]:
                arm(side)
        if shows(CROTCH - 0.6, FLOOR + 0.2):
            body.draw_legs(canvas)
            lay("legwear", "shoes")
        # Narrow trousers go into boots, everything else falls over them.
        into_boots = any(isinstance(one.pieces[0], Lower) and one.pieces[0].ankle < 0.06 for one in by_role["lower"])
        if not into_boots:
            lay("boots")
        if not covered:
            body.draw_trunk(canvas)
    pair = ("upper", "lower") if tucked else ("lower", "upper")
    for one in [*by_role[pair[0]], *by_role[pair[1]], *by_role["full"]]:
        one.draw(canvas, body)
    if not body.flat and into_boots:
        lay("boots")
    lay("belt", "necklace")
    ties = [extra for extra in of.get("scarf/tie", ()) if extra.article != "scarf"]
    for extra in ties:
        extra.draw(canvas, body)
    for one in by_role["outer"]:
        one.draw(canvas, body)
    for extra in of.get("scarf/tie", ()):
        if extra.article == "scarf":
            extra.draw(canvas, body)
    if not body.flat:
        if shows(-0.5, 2.7):
            head.draw(canvas)
            head.draw_front(canvas)
            lay("glasses", "hat/headband")
    for side in (0, 1):
        if not body.behind[side]:
            arm(side)
    lay("gloves", "bag")


def _number(items):
    return 1 + max((item.owner for item in items), default=0)


def _casual(rng):
    """A colour as people wear them: neutral more often than not."""
    return pick(rng, _NEUTRALS) if chance(rng, 0.5) else pick(rng, COLOUR_NAMES)


def _jeans_blue(rng, article):
    denim = article in ARTICLES and "denim" in ARTICLES[article].cloths and chance(rng, 0.8)
    return pick(rng, ("blue", "navy blue", "light blue", "black", "grey")) if denim else _casual(rng)


def random_outfit(rng, woman=True):
    """Names of garments and accessories that go together, without a style."""

    def choose(options):
        options = [name for name in options if woman or name not in _WOMEN_ONLY]
        return pick(rng, options)

    names = [choose(_FULL)] if woman and chance(rng, 0.32) else [choose(_UPPER), choose(_LOWER)]
    if chance(rng, 0.36):
        names.append(choose(_OUTER))
    names.append(choose(_SHOES))
    for options, share in ((_BAGS, 0.36), (_HATS, 0.18), (("glasses", "sunglasses"), 0.2), (("necklace",), 0.16), (("watch", "bracelet"), 0.2),
                           (("scarf",), 0.08), (("belt",), 0.25), (("socks", "tights"), 0.35), (("gloves",), 0.04), (("tie", "bow tie"), 0.05)):  # fmt: skip
        if chance(rng, share):
            names.append(choose(options) if woman or options != ("socks", "tights") else "socks")
    return names


def _dress(rng, names, colours=None, patterns=None, accents=None):
    """Turns names into `Worn` garments and `Accessory`s."""
    worn, extras = [], []
    for owner, name in enumerate(names, 1):
        colour = colours(rng, name) if colours else None
        pattern = patterns(rng, name) if patterns else None
        if name in ARTICLES:
            worn.append(Worn(rng, name, owner, colour, pattern, accents=accents(rng) if accents else None))
        elif name in ACCESSORIES:
            extras.append(
                Accessory(rng, name, owner, colour if colours and "leather" not in ACCESSORIES[name][2] else None)
            )
        else:
            raise ValueError(f"unknown article {name!r}; see ARTICLES and ACCESSORIES")
    _fit_belts(worn, extras)
    return worn, extras


def _fit_belts(worn, extras):
    """Puts a belt through the waistband, where there is one."""
    for extra in extras:
        if extra.article == "belt":
            rises = [piece.rise for one in worn if one.role == "lower" for piece in one.pieces]
            extra.height = rises[0] + 0.08 if rises else WAIST


def _shadow(canvas, body):
    left, right = (line[-1] for line in body.legs)
    centre = ((left[0] + right[0]) / 2, body.at((0, FLOOR))[1])
    canvas.shadow([disc(centre, 0.95 * body.unit, 0.18)], 0.42, soft=10)


def draw_person(rng, size=(256, 256), outfit=None, style=None, place=None):
    """Draws a whole person in clothes.

    Args:
        rng: `numpy.random.Generator`; all randomness comes from it.
        size: (height, width) in pixels.
        outfit: Names of garments and accessories (keys of `ARTICLES` and `ACCESSORIES`), or None for a random one.
        style: One of `STYLES`, which then chooses outfit, colours, patterns, hair and place; not with `outfit`.
        place: One of `scenes.PLACES`, "white", or None for any.

    Returns:
        A `Drawing`.

    Raises:
        ValueError: For an unknown name, or if both `outfit` and `style` are given.
    """
    from .styles import STYLES, style_outfit

    height, width = size
    if style is not None:
        if outfit is not None:
            raise ValueError("give an outfit or a style, not both")
        if style not in STYLES:
            raise ValueError(f"unknown style {style!r}; one of {', '.join(STYLES)}")
        chosen = style_outfit(rng, style)
        body = Body(rng, build=between(rng, 0.0, 0.12))
        worn, extras = _dress(rng, chosen.names, chosen.colour, chosen.pattern, chosen.accents)
        head = Head(rng, body, chosen.hair(rng, body))
        place = place or chosen.place(rng)
    else:
        woman = chance(rng, 0.62) if outfit is None else any(name in _WOMEN_ONLY for name in outfit) or chance(rng, 0.5)
        names = random_outfit(rng, woman) if outfit is None else list(outfit)
        body = Body(rng, build=between(rng, 0.0, 0.12) if woman else between(rng, 0.6, 1.0))
        worn, extras = _dress(rng, names, _jeans_blue)
        head = Head(rng, body)
    unit = height * between(rng, 0.8, 0.96) / (FLOOR + 0.25)
    unit = min(unit, width / 2.6)
    top = between(rng, 0.03, 1.0) * max(0.0, height - unit * (FLOOR + 0.4)) + 0.25 * unit
    middle = (width * between(rng, 0.42, 0.58), top + WAIST * unit)
    body.place(unit, middle)
    for item in (*worn, *extras):
        item.fabric.scale(unit)
    canvas = background(rng, height, width, min(0.97, (top + unit * (FLOOR - between(rng, 0.1, 1.2))) / height), place)
    _shadow(canvas, body)
    draw_figure(canvas, body, head, worn, extras, tucked=_tucks(rng, worn))
    if style is None and chance(rng, 0.1):
        occlude(rng, canvas, body)
    return finish(canvas, body, [*worn, *extras])


def _tucks(rng, worn):
    """Whether the top goes under the waistband: short ones stay out."""
    tops = [one for one in worn if one.role == "upper"]
    bottoms = [one for one in worn if one.role == "lower"]
    if not tops or not bottoms:
        return False
    top, bottom = tops[0].pieces[0], bottoms[0].pieces[0]
    loose = top.fit > 0.85 or top.hem > 4.0
    high = isinstance(bottom, Skirt) or bottom.rise < 2.8
    return top.hem > bottom.rise + 0.2 and not loose and chance(rng, 0.65 if high else 0.35)


# One garment -----------------------------------------------------------------------------------------------------

_ANY_PATTERN = ("plain",) * 20 + TEXTURES[1:] + PRINTS


def _any_cloth(rng):
    """A cloth that tells nothing about the garment: every colour and pattern for every category."""
    return Fabric(rng, pick(rng, COLOUR_NAMES), pick(rng, _ANY_PATTERN))


def _targets(rng, category):
    """The `Worn` garment or set that was asked for, all as number 1."""
    if category in CATEGORIES:
        name, kind = pick(rng, CATEGORIES[category]), None
    elif category in GARMENT_TYPES:
        name, kind = pick(rng, TYPE_ARTICLES[category]), category
    elif category in ARTICLES or category in SETS:
        name, kind = category, None
    else:
        known = (*CATEGORIES, *GARMENT_TYPES, *SETS, *ARTICLES)
        raise ValueError(f"unknown category {category!r}; one of {', '.join(dict.fromkeys(known))}")
    cloth = _any_cloth(rng)
    if name not in SETS:
        return [Worn(rng, name, 1, type=kind, fabric=cloth)]
    parts = [Worn(rng, pick(rng, options), 1, fabric=cloth) for options in SETS[name]]
    for part in parts:
        part.article, part.type = name, None
    return parts


def _company(rng, targets, woman):
    """What else is worn with the garment that was asked for: names."""
    roles = {one.role for one in targets}
    choose = lambda options: pick(rng, [name for name in options if woman or name not in _WOMEN_ONLY])  # noqa: E731
    names = []
    if roles == {"upper"}:
        names.append(choose(_LOWER))
    elif roles == {"lower"}:
        names.append(choose(_UPPER))
    elif roles == {"outer"}:
        names += [choose(_UPPER), choose(_LOWER)] if not woman or chance(rng, 0.75) else [pick(rng, _FULL)]
    elif roles == {"outer", "lower"}:
        names.append(
            pick(
                rng,
                ("shirt", "shirt", "t-shirt", "turtleneck", "blouse", "camisole")
                if woman
                else ("shirt", "shirt", "t-shirt", "turtleneck"),
            )
        )
    if "outer" not in roles and chance(rng, 0.08):
        names.append(choose(_OUTER))
    names.append(choose(_SHOES))
    for options, share in ((_BAGS, 0.2), (_HATS, 0.1), (("sunglasses", "glasses"), 0.12), (("necklace",), 0.1), (("watch", "bracelet"), 0.15), (("scarf",), 0.04),
                           (("belt",), 0.15), (("tights",) if woman else ("socks",), 0.15)):  # fmt: skip
        if chance(rng, share):
            names.append(choose(options))
    if "suit" in {one.article for one in targets} and chance(rng, 0.4):
        names.append("tie")
    return names


def close_up(drawing, rng, margins=(0.02, 0.15)):
    """The part of a drawing around its first garment, as shops frame their photos.

    Args:
        drawing: What `draw_garment` returned.
        rng: `numpy.random.Generator`.
        margins: The least and the most that is left on every side, as a share of the garment's longer side.

    Returns:
        uint8 (height, width, 3); it ends where the drawing ends.
    """
    x1, y1, x2, y2 = drawing.garments[0].box
    margin = round(between(rng, *margins) * max(x2 - x1, y2 - y1))
    return drawing.image[max(0, y1 - margin):y2 + margin, max(0, x1 - margin):x2 + margin]


def draw_garment(category, rng, size=256, flat=None, place=None):
    """Draws one garment, worn or flat, framed around it, with whatever is worn beside it.

    Colour, pattern, place and pose are chosen in the same way for every category, so none of them gives it away.

    Args:
        category: One of `CATEGORIES` (the ten classes), `GARMENT_TYPES` (DeepFashion2's 13) or a name of `ARTICLES`.
        rng: `numpy.random.Generator`; all randomness comes from it.
        size: Side in pixels, or (height, width).
        flat: True for a garment on its own, False for a worn one, None for mostly worn.
        place: One of `scenes.PLACES`, "white", or None for any.

    Returns:
        A `Drawing` whose first garment is the one asked for; a suit or a set in one cloth counts as one garment
        without a type.

    Raises:
        ValueError: For an unknown category.
    """
    height, width = (size, size) if isinstance(size, int) else size
    targets = _targets(rng, category)
    flat = chance(rng, 0.16) if flat is None else flat
    woman = any(one.article in _WOMEN_ONLY or isinstance(one.pieces[0], Skirt) for one in targets) or chance(rng, 0.6)
    body = Body(rng, flat=flat, build=None if flat else between(rng, 0.0, 0.12) if woman else between(rng, 0.6, 1.0))
    worn, extras, head = [], [], None
    if not flat:
        names = _company(rng, targets, woman)
        worn, extras = _dress(
            rng, names, lambda rng, name: pick(rng, COLOUR_NAMES), lambda rng, name: pick(rng, _ANY_PATTERN)
        )
        for item in (*worn, *extras):
            item.owner += 1
        head = Head(rng, body)
    worn = [*targets, *worn]
    frame(rng, body, targets, height, width, between(rng, 0.55, 0.98) if chance(rng, 0.88) else between(rng, 0.98, 1.2))
    for item in (*worn, *extras):
        item.fabric.scale(body.unit)
    floor = body.at((0, FLOOR - between(rng, 0.1, 1.5)))[1] / height
    canvas = background(rng, height, width, float(min(1.2, max(0.55, floor))) if not flat else 1.1, place)
    if flat:
        outline = [piece for one in targets for piece in silhouettes(one, body)]
        canvas.shadow([polygon + (0.06 * body.unit, 0.1 * body.unit) for polygon in outline], 0.3, soft=8)
    else:
        _shadow(canvas, body)
    draw_figure(canvas, body, head, worn, extras, tucked=not flat and _tucks(rng, worn))
    if chance(rng, 0.14):
        occlude(rng, canvas, None if flat else body)
    return finish(canvas, body, [*worn, *extras])


def silhouettes(worn, body):
    """Rough polygons of a garment, for its shadow."""
    shapes = []
    for piece in worn.pieces:
        if isinstance(piece, Lower):
            shapes.append(body.at(piece.pelvis(body)))
        else:
            shapes += [
                body.at(polygon)
                for polygon in (piece.outline(body) if not isinstance(piece, Skirt) else [piece.outline(body)])
            ]
    return shapes


def frame(rng, body, targets, height, width, share):
    """Places a new body so that the garments take a share of the image's height or width; above 1 they are cut."""
    low = high = None
    for one in targets:
        points = one.extent(body)
        low = points.min(0) if low is None else [min(a, b) for a, b in zip(low, points.min(0))]
        high = points.max(0) if high is None else [max(a, b) for a, b in zip(high, points.max(0))]
    unit = share * min(width / (high[0] - low[0] + 0.25), height / (high[1] - low[1] + 0.25))
    slack_x, slack_y = width - unit * (high[0] - low[0]), height - unit * (high[1] - low[1])
    x = slack_x * between(rng, 0.25, 0.75) - unit * low[0]
    y = slack_y * between(rng, 0.2, 0.8) - unit * low[1]
    body.place(unit, (x, y))
