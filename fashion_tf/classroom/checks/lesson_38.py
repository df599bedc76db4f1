"""Exercises of lesson 38: taps that read padding, a garment that keeps to its mask, rows that may stand together."""

from types import SimpleNamespace

import numpy as np

from .forms import Exercise, Wrong, apart, array, kind, near, number, one_of

KINDS = ["one pair of masks", "means over photos", "neither"]
SIDE = 10


def _draw_taps(generator):
    """`image_size` (height, width), the `output_stride` of the map, and the `rate` of a 3 x 3 kernel."""
    while True:
        stride = int(generator.choice([8, 16, 32]))
        height, width = (int(side) for side in 64 * generator.integers(2, 9, 2))
        data = SimpleNamespace(image_size=(height, width), output_stride=stride,
                               rate=int(generator.choice([3, 6, 9, 12])))
        if height != width and data.rate < min(height, width) // stride and apart(_taps(data), 0.02):
            return data


def _taps(data):
    """The right share; of the picture's pixels instead of the map's; along the two axes alike, added; at rate 1;
    and of a corner."""
    def along(side, rate):
        return (side + 2 * max(side - rate, 0)) / (3 * side)

    height, width = (side // data.output_stride for side in data.image_size)
    return (along(height, data.rate) * along(width, data.rate),
            along(data.image_size[0], data.rate) * along(data.image_size[1], data.rate),
            (along(height, data.rate) + along(width, data.rate)) / 2,
            along(height, 1) * along(width, 1), 4 / 9)


def _judge_taps(answer, data):
    answer = number(answer, 0, 1, "a share")
    right, pixels, added, first, corner = _taps(data)
    if near(answer, right, 0.005):
        return f"{1 - right:.0%} of what this kernel reads is padding: zeros that tell it nothing."
    if near(answer, 1 - right, 0.005):
        raise Wrong("This is the share that reads padding. Asked for is the share that lies inside.")
    if near(answer, pixels, 0.005):
        raise Wrong("The rate counts places of the feature map, not pixels of the picture: divide the size by the "
                    "output stride first.")
    if near(answer, added, 0.005):
        raise Wrong("You averaged the two axes. A tap lies inside only if it does so along both: multiply.")
    if near(answer, first, 0.005):
        raise Wrong("This is the share at rate 1. At a higher rate the outer taps lie that many places away.")
    if near(answer, corner, 0.005):
        raise Wrong("This is what a corner of the map has. Take the mean over all of its places.")
    raise Wrong(f"{answer:.3g} is not it. Along one axis of n places, the middle tap always lies inside, each outer "
                "one in n - rate places.")


def _draw_garment(generator):
    """`photo` and `stylised`, grey in 0..255; a `mask` of 0 and 255; and `blurred`, the mask as a common recipe
    smooths it, in 0..1."""
    mask = np.zeros((SIDE, SIDE), int)
    top, left = generator.integers(1, 3, 2)
    high, wide = generator.integers(6, 8, 2)
    mask[top:top + high, left:left + wide] = 255
    framed = np.pad(mask / 255, 1)
    blurred = sum(framed[i:i + SIDE, j:j + SIDE] for i in range(3) for j in range(3)) / 9
    return SimpleNamespace(photo=generator.integers(0, 100, (SIDE, SIDE)), mask=mask, blurred=blurred.round(3),
                           stylised=generator.integers(150, 256, (SIDE, SIDE)))


def _judge_garment(answer, data):
    answer = array(answer, (SIDE, SIDE), "a picture")
    photo, stylised = np.asarray(data.photo, float), np.asarray(data.stylised, float)
    inside, blurred = np.asarray(data.mask) > 0, np.asarray(data.blurred)
    deep = blurred > 0.99  # all nine neighbours belong to the garment
    leaks = (answer != photo) & ~inside
    if (np.abs(answer - photo) < 1).all():
        raise Wrong("Nothing has a new style: this is the photo.")
    if (np.abs(answer - stylised) < 1).all():
        raise Wrong("Everything has the new style, background and all.")
    if (np.abs(answer - np.where(inside, photo, stylised)) < 1).all():
        raise Wrong("The other way round: the garment stayed, and what is around it has the new style.")
    if leaks.any():
        row, column = np.argwhere(leaks)[0]
        blur = blurred * stylised + (1 - blurred) * photo
        cause = " The blurred mask reaches beyond the garment." if (np.abs(answer - blur) < 1).all() else ""
        raise Wrong(f"{leaks.sum()} pixels outside the mask changed, the first at [{row}, {column}]: from "
                    f"{photo[row, column]:.0f} to {answer[row, column]:.6g}.{cause}")
    if (np.abs(answer - stylised)[deep] > 0.5).any():
        raise Wrong("In the middle of the garment, where all nine neighbours belong to it, the new style is not whole.")
    border = inside & ~deep
    low, high = np.minimum(photo, stylised)[border], np.maximum(photo, stylised)[border]
    if ((answer[border] < low - 0.5) | (answer[border] > high + 0.5)).any():
        raise Wrong("At the garment's border some pixels lie outside what photo and stylised picture span: no mixture "
                    "gives that.")
    if (np.abs(answer - stylised)[border] < 1).all():
        raise Wrong("Nothing leaks; the border is a hard edge, though. Let the new style fade in, inside the mask.")
    if (np.abs(answer - photo)[border] < 1).all():
        raise Wrong("Nothing leaks; but the border pixels of the garment kept the photo's style altogether: a hard "
                    "edge, one pixel farther in.")
    return "Outside, each pixel is the photo's own; inside, the new style fades in."


def _draw_rows(generator):
    """`iou` and `dice` of six rows of a table, three decimals each."""
    kinds = [0, 0, 1, 1, 2, 2]
    rows = {"iou": {}, "dice": {}}
    for name, place in zip("ABCDEF", generator.permutation(6)):
        overlap = 0.3 + 0.5 * float(generator.random())
        most = 2 * overlap / (1 + overlap)
        share = 0.35 + 0.3 * float(generator.random())
        dice = most if kinds[place] == 0 else overlap + share * (most - overlap) if kinds[place] == 1 else (
            overlap - 0.03 - 0.1 * share if place == 4 else min(most + 0.03 + 0.1 * share, 0.99))
        rows["iou"][name], rows["dice"][name] = round(overlap, 3), round(dice, 3)
    return SimpleNamespace(**rows)


def _kind(iou, dice):
    most = 2 * iou / (1 + iou)
    return KINDS[0] if abs(dice - most) < 0.003 else KINDS[1] if iou < dice < most else KINDS[2]


def _judge_rows(answer, data):
    if not isinstance(answer, dict):
        raise Wrong(f"The answer is a dict from the rows' letters to texts; yours is {kind(answer)}.")
    if set(answer) != set(data.iou):
        raise Wrong(f"The answer has the rows {', '.join(data.iou)}, each once; yours has {len(answer)} entries.")
    answer = {name: one_of(text, KINDS) for name, text in answer.items()}
    wrong = [name for name in data.iou if answer[name] != _kind(data.iou[name], data.dice[name])]
    if not wrong:
        return "A mean of Dice lies between the mean IoU and what that IoU would mean for one pair of masks."
    if set(answer.values()) == {KINDS[2]}:
        raise Wrong("Some of these rows are quite possible.")
    if KINDS[2] not in answer.values():
        raise Wrong("Some of these rows no masks and no means can give.")
    name = wrong[0]
    iou, dice = data.iou[name], data.dice[name]
    right, row = _kind(iou, dice), f"Row {name}, IoU {iou} and Dice {dice}"
    if right == KINDS[0]:
        raise Wrong(f"{row}: put the IoU into 2 IoU / (1 + IoU).")
    if right == KINDS[1]:
        raise Wrong(f"{row}: one pair of masks cannot give this, some pairs together can. Think of one photo without "
                    "an error and one where nothing was found.")
    if dice < iou:
        raise Wrong(f"{row}: Dice is below IoU. In which photo could that be so, and what if it is so in none?")
    raise Wrong(f"{row}: Dice is above 2 IoU / (1 + IoU). That curve is bent downwards; on which side of it do means "
                "of its points lie?")


EXERCISES = [Exercise(_draw_taps, _judge_taps), Exercise(_draw_garment, _judge_garment),
             Exercise(_draw_rows, _judge_rows)]
