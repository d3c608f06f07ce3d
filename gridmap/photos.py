"""Photos as they are kept: small, upright, and saying nothing of who took them or where.

A photo is drawn anew from its pixels. What the camera wrote beside them (place, owner, serial number, a preview of
what was cut away) does not get through, whatever it is called.
"""

from __future__ import annotations

import io
import threading
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from layers.errors import BadFile

__all__ = ["MOST_BYTES", "MOST_PIXELS", "SIDE", "CleanPhoto", "clean_photo"]

#: Longest side of a photo that is kept, pixels, and what it should weigh at most, bytes.
SIDE, MOST_BYTES = 1600, 300_000
#: A picture of more pixels is refused: cameras of phones make up to 200 million, which JPEG gives in an eighth.
MOST_PIXELS = 40_000_000
MOST_JPEG_PIXELS = 210_000_000

_FORMATS = ("JPEG", "PNG", "WEBP")
_QUALITIES = (85, 75, 65, 55, 45)
# a photo being drawn takes a hundred megabytes: two at a time
_room = threading.Semaphore(2)


@dataclass(frozen=True)
class CleanPhoto:
    """A photo to keep: JPEG bytes, width and height in pixels."""

    content: bytes
    width: int
    height: int


def clean_photo(data: bytes, name: str = "photo") -> CleanPhoto:
    """A photo drawn anew: upright, at most `SIDE` pixels long, without EXIF, as JPEG of about `MOST_BYTES` at most.

    Parameters
    ----------
    data
        The file as it was sent.
    name
        What a refusal calls it.

    Raises
    ------
    BadFile
        No JPEG, PNG or WebP, a damaged one, or one that would take too much memory to open.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (3200, 800), "green").save(file, "PNG")
    >>> photo = clean_photo(file.getvalue())
    >>> photo.width, photo.height, photo.content[:2]
    (1600, 400, b'\\xff\\xd8')
    >>> clean_photo(b"<svg/>", "plan.svg")
    Traceback (most recent call last):
        ...
    layers.errors.BadFile: plan.svg is no photo that can be opened; send a JPEG, PNG or WebP
    """
    shown = name[:80]
    with _room, warnings.catch_warnings():
        # our own limit says no; Pillow only warns of pictures between its limit and twice that
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
                limit = MOST_JPEG_PIXELS if picture.format in ("JPEG", "MPO") else MOST_PIXELS
                if picture.width * picture.height > limit:
                    raise BadFile(f"{shown} has {picture.width} x {picture.height} pixels; send a smaller picture")
                # JPEG can be read at an eighth of its size without being opened whole
                picture.draft("RGB", (SIDE, SIDE))
                if picture.width * picture.height > MOST_PIXELS:
                    raise BadFile(f"{shown} has {picture.width} x {picture.height} pixels; send a smaller picture")
                upright = ImageOps.exif_transpose(picture)
                upright.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
                return _packed(_flat(upright))
        except UnidentifiedImageError:
            raise BadFile(f"{shown} is no photo that can be opened; send a JPEG, PNG or WebP") from None
        except Image.DecompressionBombError:
            raise BadFile(f"{shown} has too many pixels; send a smaller picture") from None
        except (OSError, SyntaxError, ValueError, EOFError, ArithmeticError, KeyError, IndexError, TypeError) as error:
            # what Pillow raises for bytes that only begin as a picture does
            raise BadFile(f"{shown} is damaged and cannot be opened; take the photo again") from error


def _flat(picture: Image.Image) -> Image.Image:
    """The pixels alone, in red, green and blue, on white where they are seen through."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        seen = picture.convert("RGBA")
        flat = Image.new("RGB", seen.size, "white")
        flat.paste(seen, mask=seen.getchannel("A"))
        return flat
    flat = Image.new("RGB", picture.size)
    flat.paste(picture.convert("RGB"))
    return flat


def _packed(picture: Image.Image) -> CleanPhoto:
    """As JPEG, with less quality and then smaller until it is light enough."""
    while True:
        for quality in _QUALITIES:
            file = io.BytesIO()
            picture.save(file, "JPEG", quality=quality, optimize=True)
            if file.tell() <= MOST_BYTES:
                return CleanPhoto(file.getvalue(), *picture.size)
        picture = picture.resize((max(1, picture.width * 3 // 4), max(1, picture.height * 3 // 4)))
