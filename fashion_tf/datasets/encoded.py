"""The one door for encoded pictures: from a file's bytes to a picture whose cost is known before it is decoded.

What a file is is told by its first bytes, not by its name, and only the formats below have a decoder here: others
of Pillow's start programs (EPS starts Ghostscript). Pixels are what counts: text, colour profiles and thumbnails are
taken off a JPEG or PNG before its decoder sees them, so that damage in them, or a megabyte of them, does no harm.
Of all metadata only the EXIF orientation is read; a colour profile is handed on as it is, for a new file of the same
colours.

A picture's *raster* is its pixels as they are stored. Where the EXIF data says that the raster is turned, pictures
are put upright. Annotations (boxes, masks, landmarks) are in pixels of the raster, as the datasets' own tools have
them, and are turned along.
"""

import io
import re
import struct
import zlib
from typing import NamedTuple

import numpy as np

# The plug-ins are imported by name because Pillow would otherwise import all of its own.
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from fashion_tf.errors import DataError

FORMATS = ("JPEG", "PNG", "WebP", "AVIF", "GIF", "BMP", "TIFF", "HEIC")
# Above any photo of the datasets by far: a forged or misplaced file stops here, before memory fills.
MAXIMUM_BYTES = 64 << 20
MAXIMUM_PIXELS = 1 << 26  # 67 million: a photo of a 50-megapixel camera still passes
MAXIMUM_SHRUNK_PIXELS = 1 << 28  # of a JPEG that is shrunk while it is decoded: telephones' 200 megapixels pass
MAXIMUM_SCANS = 100  # a progressive JPEG has some ten; each scan goes over all pixels once more
MAXIMUM_SCANNED_PIXELS = 16 * MAXIMUM_PIXELS  # scans times pixels
MAXIMUM_PARTS = 1 << 16  # chunks of a PNG, segments before a JPEG's first scan
MAXIMUM_PROFILE_BYTES = 4 << 20  # of a colour profile that is handed on; a screen's has some kilobytes
MAXIMUM_GIF_COMMENT = 1 << 20  # bytes before the first frame
MAXIMUM_TIFF_NUMBERS = 1 << 18  # in one field: the strips of a picture, for one
_UPRIGHT = {  # how a picture with each value of the EXIF orientation is put upright
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip


class Raster(NamedTuple):
    """A picture's pixels as stored, and how they are turned to be upright (EXIF orientation, 1 to 8)."""

    height: int
    width: int
    orientation: int = 1

    @property
    def stored(self):
        """(height, width) as stored."""
        return self.height, self.width

    @property
    def upright(self):
        """(height, width) of the upright picture."""
        return self.stored[::-1] if self.orientation >= 5 else self.stored

    def turn(self, picture):
        """A Pillow image, or an array (height, width) in uint8, of the raster's pixels: put upright."""
        if self.orientation not in _UPRIGHT:
            return picture
        if isinstance(picture, np.ndarray):
            return np.array(Image.fromarray(picture).transpose(_UPRIGHT[self.orientation]))
        return picture.transpose(_UPRIGHT[self.orientation])

    def turn_points(self, points):
        """Points (..., 2), x and y in pixels of the raster, in pixels of the upright picture."""
        x, y = np.moveaxis(np.asarray(points, dtype=np.float64), -1, 0)
        right, below = self.width - x, self.height - y
        return np.stack({2: (right, y), 3: (right, below), 4: (x, below), 5: (y, x), 6: (below, x),
                         7: (below, right), 8: (y, right)}.get(self.orientation, (x, y)), axis=-1)

    def turn_box(self, box):
        """A box (x1, y1, x2, y2) on the raster, on the upright picture; None stays None."""
        if box is None or self.orientation == 1:
            return box
        (x1, y1), (x2, y2) = self.turn_points(np.asarray(box, dtype=np.float64).reshape(2, 2)).tolist()
        # An empty box stays empty, and NaN stays NaN.
        x1, x2 = (x2, x1) if self.orientation in (2, 3, 6, 7) else (x1, x2)
        y1, y2 = (y2, y1) if self.orientation in (3, 4, 7, 8) else (y1, y2)
        return x1, y1, x2, y2


def picture_kind(head):
    """The format that a file's first 64 bytes tell: one of `FORMATS`, or None."""
    for start, kind in ((b"\xff\xd8\xff", "JPEG"), (b"\x89PNG\r\n\x1a\n", "PNG"), (b"GIF87a", "GIF"),
                        (b"GIF89a", "GIF"), (b"BM", "BMP"), (b"II*\0", "TIFF"), (b"MM\0*", "TIFF")):
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        brands = {head[place:place + 4] for place in range(8, min(len(head), int.from_bytes(head[:4])), 4)}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1"}:
            return "HEIC"
    return None


class EncodedPicture:
    """A file's bytes that were found to be a picture of bearable cost. Nothing is decoded yet.

    Args:
        data: The bytes.
        name: The file's name, for messages.

    Attributes:
        kind: One of `FORMATS`.
        raster: Its `Raster`.
        shrunk: How many pixels of the picture one pixel will span when decoded; see `shrink`.
        profile: The bytes of its ICC profile, which says what its red, green and blue mean; None where it has none,
            or one that is damaged or of no RGB picture.

    Raises:
        DataError: No picture of a known format, too large, or its header is damaged.
    """

    def __init__(self, data, name):
        self.name, self.shrunk, self.scans = name, 1, 1
        if len(data) > MAXIMUM_BYTES:
            raise DataError(f"{name}: {len(data):,} bytes; pictures above {MAXIMUM_BYTES:,} bytes are refused.")
        self.kind = picture_kind(data[:64])
        exif = self._transparent = profile = None
        if self.kind is None:
            raise DataError(f"{name}: not a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} picture, or damaged at its "
                            f"beginning (it begins with {data[:12]!r}).")
        if self.kind == "JPEG":
            data, exif, profile, self.scans = _plain_jpeg(data, name)
        elif self.kind == "PNG":
            data, exif, profile, self._transparent = _plain_png(data, name)
        elif self.kind == "GIF":
            _check_gif(data, name)
        elif self.kind == "TIFF":
            _check_tiff(data, name)
            exif = data
        try:
            self._picture = _plugin(self.kind, name)(io.BytesIO(data))
        except DataError:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise DataError(f"{name}: pictures above {MAXIMUM_PIXELS:,} pixels are refused. Save it smaller.") from None
        except Exception as error:  # decoders raise what they like: OSError, SyntaxError, struct.error
            raise DataError(f"{name}: its header is damaged ({error}). Get the file again.") from None
        self.profile = _rgb_profile(profile or self._picture.info.get("icc_profile"))
        self._depth = data[24] if self.kind == "PNG" else 8
        self._check_grey()
        orientation = _orientation(exif if exif is not None else self._picture.info.get("exif", b""))
        width, height = self._picture.size
        # Pillow puts a TIFF upright by itself, and its HEIC plug-in does, too.
        self._upright = self.kind in ("TIFF", "HEIC")
        if self.kind == "HEIC":
            orientation = 1
        elif self.kind == "TIFF" and orientation >= 5:
            width, height = height, width
        self.raster = Raster(height, width, orientation)
        self._check_size()

    def _check_grey(self):
        """Refuses a grey TIFF whose black and white Pillow does not know: decoded, it would be all black or a
        negative."""
        if self.kind != "TIFF" or self._picture.mode[0] not in "IF":
            return
        bits, white_is_zero = self._picture.tag_v2.get(258, (1,))[0], self._picture.tag_v2.get(262) == 0
        if self._picture.mode in ("I", "F") or bits != 16 or white_is_zero:
            kind = "floating-point or signed" if self._picture.mode in ("I", "F") else (
                "inverted (0 is white)" if white_is_zero else f"{bits}-bit")
            raise DataError(f"{self.name}: a TIFF of {kind} grey values, of which it is not sure what is black and "
                            "what white; only 8 bits, and 16 from black to white, are read. Save it as PNG.")

    def _check_size(self):
        height, width = self.raster.stored
        single = self.kind == "JPEG" and self.scans == 1
        bound = MAXIMUM_SHRUNK_PIXELS if single else MAXIMUM_PIXELS
        if height * width > bound:
            raise DataError(f"{self.name}: {width} x {height} pixels; pictures above {bound:,} pixels are refused. "
                            "Save it smaller.")
        if self.scans > MAXIMUM_SCANS or self.scans * height * width > MAXIMUM_SCANNED_PIXELS:
            raise DataError(f"{self.name}: {self.scans:,} scans of {width} x {height} pixels; at most {MAXIMUM_SCANS} "
                            f"scans and {MAXIMUM_SCANNED_PIXELS:,} pixels in all of them are read. Save it as an "
                            "ordinary JPEG.")

    def shrink(self, size, box=None):
        """Decode a JPEG at 1/2, 1/4 or 1/8 where that is enough: it saves much of the decoding.

        Args:
            size: The (height, width) wanted of the upright picture, or of the box in it.
            box: (x1, y1, x2, y2) on the upright picture, inside it and not empty; or None.
        """
        height, width = self.raster.upright
        x1, y1, x2, y2 = (0, 0, width, height) if box is None else box
        smallest = (width * size[1] / (x2 - x1), height * size[0] / (y2 - y1))
        if self.raster.orientation >= 5:
            smallest = smallest[::-1]
        drafted = self._picture.draft(None, [int(side) for side in smallest])
        if drafted:  # (mode, (0, 0, width / shrunk, height / shrunk)); None where it is no JPEG
            self.shrunk = self.raster.width / drafted[1][2]

    @property
    def cost(self):
        """How many pixels are in memory while it is decoded."""
        if self.scans > 1:  # all coefficients are kept until the last scan
            return self.raster.height * self.raster.width
        return self._picture.size[0] * self._picture.size[1]

    def decode(self):
        """The picture, upright, as a Pillow image of any mode.

        Raises:
            DataError: It is damaged or cut off, or too large to be decoded whole.
        """
        if self.cost > MAXIMUM_PIXELS:
            raise DataError(f"{self.name}: {self.raster.width} x {self.raster.height} pixels; whole, pictures above "
                            f"{MAXIMUM_PIXELS:,} pixels are refused. Ask for a smaller size, or save it at half its "
                            "width and height.")
        self._load()
        self._mark_transparent()
        return self._picture if self._upright else self.raster.turn(self._picture)

    def _mark_transparent(self):
        """Names a PNG's transparent colour as the decoded picture has it; Pillow names it as the file does, whose
        numbers of 2, 4 and 16 bits are others."""
        count = {"L": 1, "I": 1, "I;16": 1, "RGB": 3}.get(self._picture.mode, 0)
        if self._transparent is None or not count or len(self._transparent) < 2 * count:
            return
        most = 2 ** self._depth - 1
        colour = [number & most for number in struct.unpack_from(f">{count}H", self._transparent)]
        if not self._picture.mode.startswith("I"):  # of 16 bits, it keeps the upper eight
            colour = [number >> 8 if self._depth == 16 else number * 255 // most for number in colour]
        self._picture.info["transparency"] = colour[0] if count == 1 else tuple(colour)

    def numbers(self):
        """The numbers that a PNG's pixels hold, as stored and not turned: of a palette the indices; of a grey
        picture of 1, 2 or 4 bits 0 to 1, 3 or 15, which a decoder of photos would spread over 0 to 255.

        Returns:
            uint8 or uint16 (height, width); (height, width, channels) for a picture with several channels.

        Raises:
            DataError: It is no PNG, damaged or cut off, or has several channels of 16 bits.
        """
        if self.kind != "PNG":
            raise DataError(f"{self.name}: a mask in {self.kind} format; masks must be PNG files, because the "
                            "compression of others may change label numbers.")
        self._load()
        if self._picture.mode.startswith("I"):
            return np.array(self._picture).astype(np.uint16)
        numbers = np.array(self._picture).astype(np.uint8, copy=False)
        if numbers.ndim == 3 and self._depth == 16:
            raise DataError(f"{self.name}: label numbers in {numbers.shape[2]} channels of 16 bits; one channel "
                            "belongs here.")
        if self._picture.mode == "L" and self._depth < 8:
            numbers //= 255 // (2 ** self._depth - 1)
        return numbers

    def _load(self):
        try:
            self._picture.load()
        except Exception as error:
            raise DataError(f"{self.name}: damaged or cut off ({error}). Get the file again.") from None


def _plugin(kind, name):
    """The Pillow class that reads a format. It is called directly: `Image.open` has bounds of its own."""
    if kind == "AVIF":
        from PIL import features

        try:
            from PIL.AvifImagePlugin import AvifImageFile
        except ImportError:
            AvifImageFile = None
        if AvifImageFile is None or not features.check("avif"):
            raise DataError(f"{name}: an AVIF picture, which this Pillow cannot read. Update Pillow, or save the "
                            "picture as JPEG.")
        return AvifImageFile
    if kind == "HEIC":
        try:
            from pillow_heif import HeifImageFile
        except ImportError:
            raise DataError(f"{name}: a HEIC picture, which needs the package pillow-heif (pip install "
                            "pillow-heif). Or save the photo as JPEG.") from None
        return HeifImageFile
    return {"JPEG": JpegImagePlugin.JpegImageFile, "PNG": PngImagePlugin.PngImageFile,
            "WebP": WebPImagePlugin.WebPImageFile, "GIF": GifImagePlugin.GifImageFile,
            "BMP": BmpImagePlugin.BmpImageFile, "TIFF": TiffImagePlugin.TiffImageFile}[kind]


_MARKER = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
# Tables, frames and scans; JFIF's and Adobe's segments, which say what the channels mean.
_JPEG_KEPT = {*range(0xC0, 0xD0), 0xDB, 0xDC, 0xDD, 0xE0, 0xEE}


def _plain_jpeg(data, name):
    """(the JPEG without metadata and without what follows its end, its EXIF data or None, its ICC profile or None,
    number of scans)."""
    parts, exif, profile, position = [data[:2]], None, {}, 2
    for _ in range(MAXIMUM_PARTS):
        found = _MARKER.search(data, position)  # what stands between segments is skipped, as libjpeg does
        if found is None:
            return data, exif, None, 1  # cut off: its decoder says how
        start, marker = found.start(), data[found.start() + 1]
        if marker == 0xDA:
            break
        if marker == 0x01 or 0xD0 <= marker <= 0xD9:  # markers without a length
            position = start + 2
            continue
        position = start + 2 + max(int.from_bytes(data[start + 2:start + 4]), 2)
        if marker in _JPEG_KEPT:
            parts.append(data[start:position])
        elif marker == 0xE1 and exif is None and data[start + 4:start + 10] == b"Exif\0\0":
            exif = data[start + 10:position]
        elif marker == 0xE2 and data[start + 4:start + 16] == b"ICC_PROFILE\0":
            profile[data[start + 16:start + 17]] = data[start + 18:position]  # a number, how many there are, a part
    else:
        raise DataError(f"{name}: more than {MAXIMUM_PARTS:,} segments before its first scan; refused.")
    # Within the scans these two bytes always mean the end. A second picture or a film may follow.
    end = data.find(b"\xff\xd9", start)
    scans = data[start:end + 2] if end >= 0 else data[start:]
    profile = b"".join(profile[number] for number in sorted(profile))
    return b"".join((*parts, scans)), exif, profile, scans.count(b"\xff\xda")


_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def _plain_png(data, name):
    """(the PNG without metadata and further frames, its EXIF data or None, its ICC profile or None, what its tRNS
    chunk holds or None)."""
    parts, exif, profile, transparent, position = [data[:8]], None, None, None, 8
    for _ in range(MAXIMUM_PARTS):
        kind = data[position + 4:position + 8]
        if len(kind) < 4:
            return b"".join(parts), exif, profile, transparent
        end = position + 12 + int.from_bytes(data[position:position + 4])
        if kind in _PNG_KEPT:
            parts.append(data[position:end])
            transparent = data[position + 8:end - 4] if kind == b"tRNS" else transparent
        elif kind == b"eXIf" and zlib.crc32(data[position + 4:end - 4]) == int.from_bytes(data[end - 4:end]):
            exif = data[position + 8:end - 4]
        elif kind == b"iCCP":  # a name of up to 79 letters, a zero, the compression's number, the compressed profile
            profile = _inflated(data[position + 8:end - 4].partition(b"\0")[2][1:])
        if kind == b"IEND":
            return b"".join(parts), exif, profile, transparent
        position = end
    raise DataError(f"{name}: more than {MAXIMUM_PARTS:,} chunks; refused.")


def _inflated(data):
    """What zlib compressed, as far as a profile may be long; None where it is damaged."""
    try:
        return zlib.decompressobj().decompress(data, MAXIMUM_PROFILE_BYTES + 1)
    except zlib.error:
        return None


def _rgb_profile(data):
    """An ICC profile, if it is whole and one of RGB pictures, as these are handed on: of a CMYK or grey photo's
    decoded picture its profile says nothing. None otherwise."""
    whole = data and 128 < int.from_bytes(data[:4]) <= len(data) <= MAXIMUM_PROFILE_BYTES
    return data if whole and data[16:20] == b"RGB " and data[36:40] == b"acsp" else None


def _check_gif(data, name):
    """Refuses a GIF whose first frame stands behind a megabyte: Pillow joins comments byte by byte."""
    table = 3 * 2 ** ((data[10] & 7) + 1) if len(data) > 10 and data[10] & 0x80 else 0
    start = position = 13 + table
    while position < len(data) and data[position] == 0x21:  # an extension: label, then blocks with their lengths
        position += 2
        while position < len(data) and data[position]:
            position += 1 + data[position]
            if position - start > MAXIMUM_GIF_COMMENT:
                raise DataError(f"{name}: more than {MAXIMUM_GIF_COMMENT:,} bytes before its first frame; refused.")
        position += 1


_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
_TIFF_COMPRESSION, _TIFF_DIRECTORIES = 259, (0x8769, 0x8825, 0xA005)  # of EXIF, GPS, interoperability
_TIFF_COMPRESSIONS = {1: "none", 2: "fax", 3: "fax", 4: "fax", 5: "LZW", 8: "deflate", 32946: "deflate",
                      32773: "PackBits"}


def _tiff_fields(data, offset=None):
    """(tag, type, count, value where it is one whole number) of each field of a TIFF's or EXIF's directory."""
    order = {b"II*\0": "little", b"MM\0*": "big"}.get(bytes(data[:4]))
    if order is None:
        return
    offset = int.from_bytes(data[4:8], order) if offset is None else offset
    for place in range(offset + 2, offset + 2 + 12 * int.from_bytes(data[offset:offset + 2], order), 12):
        field = data[place:place + 12]
        if len(field) < 12:
            return
        kind = int.from_bytes(field[2:4], order)
        yield (int.from_bytes(field[:2], order), kind, int.from_bytes(field[4:8], order),
               int.from_bytes(field[8:8 + min(_TIFF_SIZES.get(kind, 4), 4)], order))


def _check_tiff(data, name):
    """Refuses a TIFF whose fields are larger than the file, or that holds pictures of another format."""
    offsets, taken = [None], 0
    for offset in offsets:
        for tag, kind, count, value in _tiff_fields(data, offset):
            taken += count * _TIFF_SIZES.get(kind, 1)
            if taken > 2 * len(data) or (_TIFF_SIZES.get(kind, 1) > 1 and count > MAXIMUM_TIFF_NUMBERS):
                raise DataError(f"{name}: its field {tag} announces {count:,} values; refused.")
            if tag == _TIFF_COMPRESSION and value not in _TIFF_COMPRESSIONS:
                raise DataError(f"{name}: a TIFF of compression {value}; only plain, LZW, deflate, PackBits and fax "
                                "are read. Save it as PNG or JPEG.")
            if tag in _TIFF_DIRECTORIES:
                offsets.append(value)
            if len(offsets) > 8:
                raise DataError(f"{name}: more than eight directories; refused.")


def _orientation(exif):
    """The orientation that EXIF data tells, 1 where it tells none or is damaged."""
    exif = exif.removeprefix(b"Exif\0\0")
    for tag, _, _, value in _tiff_fields(exif):
        if tag == 0x0112:
            return value if 1 <= value <= 8 else 1
    return 1


_GREY_16 = ((np.arange(1 << 16) * 255 + 32767) // 65535).astype(np.uint8)
_STRIP_PIXELS = 1 << 22


def to_rgb(picture):
    """A Pillow image of any mode as 8-bit RGB: 16-bit grey scaled, transparency laid on white."""
    if picture.mode.startswith("I"):  # 16-bit grey, which Pillow itself would clip at 255
        numbers, transparent = np.clip(np.asarray(picture), 0, 65535), picture.info.get("transparency")
        picture = Image.fromarray(_GREY_16[numbers])
        if transparent is not None:
            picture.putalpha(Image.fromarray(np.where(numbers == transparent, 0, 255).astype(np.uint8)))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        # In strips: whole copies with transparency would take four times the memory of the picture.
        white = Image.new("RGB", picture.size, "white")
        rows = max(_STRIP_PIXELS // picture.width, 1)
        for top in range(0, picture.height, rows):
            strip = picture.crop((0, top, picture.width, min(top + rows, picture.height))).convert("RGBA")
            white.paste(strip, (0, top), strip)
        return white
    return picture if picture.mode == "RGB" else picture.convert("RGB")
