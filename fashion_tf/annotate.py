"""Labels written into pictures. OpenCV brings the font, which has the letters of most alphabets."""

from fashion_tf.terminal import printable

FONT_PIXELS = 25  # about the height of a line at scale 1


def label_width(text, scale):
    """The pixels across that `draw_label` needs for a text."""
    import cv2

    return cv2.getTextSize(printable(text), cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0] + 4


def draw_label(picture, corner, text, colour, scale, above=False):
    """Writes a text on a filled box into a picture; the box is moved until it is within, as far as it is not wider.

    Args:
        picture: uint8 (height, width, 3), RGB; it is changed.
        corner: (x, y) of the box's upper left corner; of its lower left one where it stands above.
        text: One line; what cannot be printed is written as an escape. Names of classes may come from strangers.
        colour: (red, green, blue) of the box, 0..255; the text is black or white.
        scale: OpenCV's, about 1 / `FONT_PIXELS` for each pixel of a line's height.
        above: Whether the box stands above the corner.
    """
    import cv2

    text, font = printable(text), cv2.FONT_HERSHEY_SIMPLEX
    (_, tall), below = cv2.getTextSize(text, font, scale, 1)
    wide, tall = label_width(text, scale), tall + below + 4
    x = max(0, min(int(corner[0]), picture.shape[1] - wide))
    y = max(0, min(int(corner[1]) - tall * above, picture.shape[0] - tall))
    colour = tuple(int(part) for part in colour)
    cv2.rectangle(picture, (x, y), (x + wide - 1, y + tall - 1), colour, -1)
    ink = (255, 255, 255) if sum(colour) < 380 else (0, 0, 0)
    cv2.putText(picture, text, (x + 2, y + tall - below - 2), font, scale, ink, 1, cv2.LINE_AA)
