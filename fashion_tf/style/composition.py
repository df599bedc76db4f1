"""One garment of a photo changed at the photo's own size, and not a pixel outside it.

A mask comes from a network that saw the photo small. Enlarged without a look at the photo, its border cuts through
sleeves and backgrounds; so it is enlarged along the photo's own edges, by the guided filter. Then the new picture
fades in *inside* the mask: a border that is blurred to both sides would paint the background. OpenCV's
`seamlessClone` is not used: it moves the pasted picture and changes its colours.
"""

import numpy as np

from fashion_tf.errors import DataError

WORKING_SIDE = 1024  # pixels; coefficients of the guided filter are found at this size, and applied at the photo's
FEATHER = 2  # pixels over which the new picture fades in
NEUTRAL = 12.0  # CIE Lab chroma up to which a garment is rather grey than coloured
HUE_SPREAD = np.radians(12)  # that a recoloured garment keeps to either side of its hue
ROUNDING = 1e-3  # by which resizing, and half precision, may leave 0..1
_STRIP_PIXELS = 1 << 21


def compose(photo, stylised, mask, feather=FEATHER):
    """Lays a stylised picture onto one garment of a photo.

    Args:
        photo: uint8 (height, width, 3), or 4 channels with opacity, which is kept as it is.
        stylised: uint8 (any height, any width, 3): the photo in its new style; brought to the photo's size.
        mask: (height, width) of the photo: bool, uint8 of 0 and 255 (or 0 and 1), or float in 0..1, where at least
            0.5 belongs to the garment. For a network's smaller mask see `upsample_mask`.
        feather: Pixels over which it fades in, inside the mask; see `feather_inward`.

    Returns:
        uint8, of the photo's shape. Where the mask is 0 (below 0.5), every pixel is the photo's own.

    Raises:
        DataError: A picture or mask of another kind or size.

    Example:
        >>> compose(photo, stylizer(photo, painting), upsample_mask(mask, photo))

    Taught in: 38_masked_style_transfer.ipynb
    """
    import cv2

    photo, stylised = _picture(photo, "The photo", (3, 4)), _picture(stylised, "The stylised picture", (3,))
    alpha = feather_inward(_mask_of(mask, photo), feather)
    if stylised.shape[:2] != photo.shape[:2]:
        smaller = stylised.shape[0] > photo.shape[0]
        stylised = cv2.resize(stylised, photo.shape[1::-1],
                              interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    return _blended(photo, alpha, lambda rows, inside: stylised[rows][inside].astype(np.float32))


def recolour(photo, mask, colour, feather=FEATHER):
    """Gives a garment another colour; its lightness stays, with folds and shadows, and so does its pattern.

    In CIE Lab the hue becomes the new colour's; what a pixel's hue differs from the garment's is kept, up to
    `HUE_SPREAD`. The chroma is stretched so that its median becomes the new colour's: grey stays grey, and a dark fold
    stays less colourful than the cloth around it. A garment without a colour of its own has nothing to stretch; there
    the new chroma is added instead, and in between (a chroma of about `NEUTRAL`) is a mix of both. What a screen cannot
    show at its lightness is made less colourful: black stays black, and white becomes pale.

    Args:
        photo, mask, feather: As for `compose`.
        colour: A name such as ``"teal"``, a hex colour such as ``"#803050"``, or (red, green, blue) in 0..255.

    Returns:
        uint8, of the photo's shape; the photo's own pixels where the mask is 0.

    Raises:
        DataError: As `compose`; or no such colour.

    Example:
        >>> recolour(photo, mask == labels.index("dress"), "#803050")

    Taught in: 38_masked_style_transfer.ipynb
    """
    photo = _picture(photo, "The photo", (3, 4))
    target = complex(*_to_lab(np.array([read_colour(colour)]))[0, 1:])
    mask = _mask_of(mask, photo)
    garment = photo[..., :3][mask]
    if not len(garment):
        return photo.copy()
    sample = _to_lab(garment[::max(len(garment) // 100_000, 1)])[:, 1:]
    own, chroma = complex(*np.median(sample, axis=0)), float(np.median(np.hypot(*sample.T)))
    coloured = chroma ** 2 / (chroma ** 2 + NEUTRAL ** 2)
    kept = min(abs(target) / NEUTRAL, 1)  # how much of the chroma's pattern: none for grey, whose hue means nothing

    def changed(rows, inside):
        lab = _to_lab(photo[rows][..., :3][inside])
        values = lab[:, 1] + 1j * lab[:, 2]
        turned = coloured * np.clip(np.angle(values * own.conjugate()), -HUE_SPREAD, HUE_SPREAD)
        stretched = abs(target) * np.abs(values) / max(chroma, 1e-6)
        added = abs(target) + kept * (np.abs(values) - chroma)
        new = np.maximum(coloured * stretched + (1 - coloured) * added, 0) * np.exp(1j * (np.angle(target) + turned))
        lab[:, 1], lab[:, 2] = new.real, new.imag
        return _shown(lab)

    return _blended(photo, feather_inward(mask, feather), changed)


def upsample_mask(mask, photo, radius=1, smoothness=1e-3):
    """A network's mask at the photo's size, its border moved to the photo's own edges.

    The guided filter of He, Sun and Tang (TPAMI 2013) with a colour photo as its guide: in each window the mask is
    fitted as a linear function of red, green and blue, by ridge regression from box filters; then the windows'
    functions are averaged and applied to the photo. As in the fast version (He and Sun, 2015) this is done on
    a smaller photo, and the functions are enlarged.

    Args:
        mask: (height, width), any size: kinds as for `compose`, or a garment's probabilities. A mask that was made of
            the photo squeezed to a square is stretched back.
        photo: uint8 (height, width, 3 or 4).
        radius: Of a window, in pixels of the mask: about what a network's border is off by. A larger one finds edges
            that are farther away, and more often wrong ones.
        smoothness: What is added to the variance of the photo, in 0..1 squared: edges fainter than its root do not
            attract the border.

    Returns:
        float32 (height, width) of the photo, in 0..1. A pixel farther than two radii from a border of the mask keeps
        its value.

    Raises:
        DataError: As `compose`, but for the mask's size.

    Taught in: 38_masked_style_transfer.ipynb
    """
    import cv2

    photo = _picture(photo, "The photo", (3, 4))[..., :3]
    mask = _soft(mask)
    height, width = photo.shape[:2]
    shrunk = min(1, WORKING_SIDE / max(height, width))
    size = max(round(width * shrunk), 1), max(round(height * shrunk), 1)
    guide = cv2.resize(photo, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    coarse = _enlarged(mask, size)
    scale = max(size[0] / mask.shape[1], size[1] / mask.shape[0])
    window = max(round(radius * scale), 1)
    linear, constant = _guided_filter(guide, coarse, window, smoothness)
    refined = np.empty((height, width), np.float32)
    if shrunk == 1:
        refined[:] = (linear * guide).sum(-1) + constant
    else:  # strip by strip: whole, the enlarged functions would take twenty times the photo
        functions = np.dstack([linear, constant])
        for rows in _strips(height, width):
            part = cv2.warpAffine(functions, _enlarging(size, (width, height), rows.start),
                                  (width, rows.stop - rows.start), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                                  borderMode=cv2.BORDER_REPLICATE)
            refined[rows] = (part[..., :3] * (photo[rows].astype(np.float32) / 255)).sum(-1) + part[..., 3]
    return np.clip(refined, 0, 1, out=refined)


def feather_inward(mask, width=FEATHER):
    """How much of the new picture each pixel takes: none outside the mask, more with each pixel from its border, all
    of it inside.

    Args:
        mask: As for `compose`, of any size.
        width: Pixels until all is taken; 0 for a hard border. The edge of the photo is no border of the garment.

    Returns:
        float32 (height, width) in 0..1; 0 wherever the mask is 0 (below 0.5), above 0 elsewhere.

    Raises:
        DataError: No such mask; a negative width.

    Taught in: 38_masked_style_transfer.ipynb
    """
    import cv2

    if not 0 <= width < np.inf:
        raise DataError(f"feather={width!r}: it must be a number of pixels, 0 or more.")
    inside = np.ascontiguousarray(_soft(mask) >= 0.5, np.uint8)
    if inside.all():
        return np.ones(inside.shape, np.float32)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)  # 1 at the mask's border pixels
    return np.minimum(distance / np.float32(width + 1), 1, out=distance)


def with_colours_of(painted, photo):
    """The lightness of a painted picture with the colours of the photo, in CIE Lab.

    Args:
        painted, photo: uint8 (height, width, 3), of one size.

    Returns:
        uint8, of their shape.

    Taught in: 36_style_transfer_gram.ipynb
    """
    lab = _to_lab(photo.reshape(-1, 3))
    lab[:, 0] = _to_lab(painted.reshape(-1, 3))[:, 0]
    return np.clip(_shown(lab), 0, 255).round().astype(np.uint8).reshape(photo.shape)


def read_colour(colour):
    """(red, green, blue) in 0..255 of a colour's name, of ``"#803050"``, or of three such numbers.

    Raises:
        DataError: There is no such colour.
    """
    from PIL import ImageColor

    try:
        values = ImageColor.getrgb(colour.strip()) if isinstance(colour, str) else tuple(map(int, colour))
    except (ValueError, TypeError):
        values = ()
    if len(values) != 3 or min(values) < 0 or max(values) > 255:
        raise DataError(f"{colour!r} is no colour: give a name such as teal, or a hex colour such as #803050.")
    return values


# --- what they share ----------------------------------------------------------------------------


def _picture(picture, what, channels):
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in channels or not picture.size:
        raise DataError(f"{what} has shape {picture.shape} and {picture.dtype}; it must be uint8 (height, width, "
                        f"{' or '.join(map(str, channels))}) in 0..255.")
    return picture


def _soft(mask):
    """A mask of any kind as float32 in 0..1, or as bool."""
    mask = np.asarray(mask)
    if mask.ndim != 2 or not mask.size:
        raise DataError(f"A mask of shape {mask.shape}; it must be (height, width).")
    if mask.dtype == bool:
        return mask
    if mask.dtype.kind == "f":
        if not (mask.min() >= -ROUNDING and mask.max() <= 1 + ROUNDING):  # so written, NaN fails too
            raise DataError(f"A mask of {mask.dtype} from {mask.min():.3g} to {mask.max():.3g}; as float it lies in "
                            "0..1.")
        return mask.astype(np.float32).clip(0, 1)
    largest = mask.max(initial=0)
    if mask.dtype.kind not in "iu" or largest not in (0, 1, 255) or not ((mask == 0) | (mask == largest)).all():
        raise DataError(f"A mask of {mask.dtype} with values up to {largest}: these look like label numbers. Choose "
                        "the garment's, as in mask == 3; a mask holds 0 and 255, or True and False.")
    return mask > 0


def _mask_of(mask, photo):
    """A mask as bool, of the photo's size."""
    mask = _soft(mask)
    if mask.shape != photo.shape[:2]:
        raise DataError(f"A mask of {mask.shape[0]} x {mask.shape[1]} pixels (height x width) for a photo of "
                        f"{photo.shape[0]} x {photo.shape[1]}. Enlarge a network's mask with upsample_mask(mask, "
                        "photo).")
    return mask if mask.dtype == bool else mask >= 0.5


def _strips(height, width):
    """Slices of rows of a bounded number of pixels."""
    rows = max(_STRIP_PIXELS // width, 1)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))


def _blended(photo, alpha, changed):
    """The photo, to the share of `alpha` replaced by what `changed` gives for a slice of rows and the pixels inside:
    float32 (pixels inside, 3)."""
    result = photo.copy()
    for rows in _strips(*alpha.shape):
        inside = alpha[rows] > 0
        if inside.any():
            share = alpha[rows][inside][:, None]
            mixed = (1 - share) * photo[rows][..., :3][inside] + share * changed(rows, inside)
            result[rows][..., :3][inside] = np.clip(mixed, 0, 255).round().astype(np.uint8)
    return result


def _enlarged(mask, size):
    """Bilinear, or averaged where it shrinks, as float32."""
    import cv2

    shrinks = size[0] < mask.shape[1] or size[1] < mask.shape[0]
    return cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _enlarging(size, wanted, top):
    """The affine map from pixels of the large picture (from row `top` on) to the small one, centres on centres."""
    across, down = size[0] / wanted[0], size[1] / wanted[1]
    return np.float64([[across, 0, (across - 1) / 2], [0, down, (top + 0.5) * down - 0.5]])


def _guided_filter(guide, mask, radius, smoothness):
    """For each pixel the averaged linear functions of its windows: (height, width, 3) factors and (height, width)
    constants."""
    import cv2

    def mean(values):
        return cv2.boxFilter(values, -1, (2 * radius + 1,) * 2, borderType=cv2.BORDER_REFLECT)

    guide_mean, mask_mean = mean(guide), mean(mask)
    covariance = mean(guide * mask[..., None]) - guide_mean * mask_mean[..., None]
    variance = np.empty((*mask.shape, 3, 3), np.float32)
    for i in range(3):
        for j in range(i, 3):
            variance[..., i, j] = mean(guide[..., i] * guide[..., j]) - guide_mean[..., i] * guide_mean[..., j]
            variance[..., j, i] = variance[..., i, j]
    variance += np.float32(smoothness) * np.eye(3, dtype=np.float32)
    linear = np.linalg.solve(variance, covariance[..., None])[..., 0]
    constant = mask_mean - (linear * guide_mean).sum(-1)
    return mean(linear), mean(constant)


def _to_lab(pixels):
    """CIE Lab, float32 (pixels, 3), of sRGB pixels in 0..255: L* in 0..100, a*, b*."""
    import cv2

    return cv2.cvtColor(pixels[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]


def _shown(lab):
    """sRGB in 0..255 of CIE Lab; what a screen cannot show is brought in by less chroma, at its lightness and hue.

    Args:
        lab: float32 (pixels, 3); changed.
    """
    import cv2

    outside = ~_displayable(lab)
    beyond = lab[outside]
    low, high = np.zeros(len(beyond), np.float32), np.ones(len(beyond), np.float32)
    for _ in range(8 if len(beyond) else 0):  # halving: to 1/256 of the chroma
        middle = (low + high) / 2
        fits = _displayable(np.column_stack([beyond[:, 0], beyond[:, 1:] * middle[:, None]]))
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    lab[outside, 1:] = beyond[:, 1:] * low[:, None]
    return cv2.cvtColor(lab[None], cv2.COLOR_LAB2RGB)[0] * 255


_WHITE = np.float32([0.950456, 1.0, 1.088754])  # D65, as OpenCV has it
_XYZ_TO_LINEAR = np.float32([[3.240479, -1.53715, -0.498535], [-0.969256, 1.875991, 0.041556],
                             [0.055648, -0.204043, 1.057311]])


def _displayable(lab):
    """Which pixels of CIE Lab, (pixels, 3), sRGB has; half a level of 0..255 beyond is rounded away."""
    y = (lab[:, 0] + 16) / 116
    roots = np.stack([y + lab[:, 1] / 500, y, y - lab[:, 2] / 200], axis=1)
    xyz = np.where(roots > 6 / 29, roots ** 3, 3 * (6 / 29) ** 2 * (roots - 4 / 29)) * _WHITE
    linear = xyz @ _XYZ_TO_LINEAR.T
    return ((linear > -2e-4) & (linear < 1.005)).all(axis=1)
