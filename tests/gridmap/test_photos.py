"""Photos drawn anew: small, upright, silent about where and by whom; what is none is refused by name."""

from __future__ import annotations

import io
import random
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, PngImagePlugin

from gridmap.photos import MOST_BYTES, SIDE, clean_photo
from layers.errors import BadFile

SECRETS = (b"Li's camera", b"GPSLatitude", b"SN-000177", b"Exif", b"http://ns.adobe.com")


def saved(picture: Image.Image, form: str = "JPEG", **more: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **more)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it has so many pixels."""
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 999))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_photo_stands_upright_whatever_the_camera_wrote(turn: int) -> None:
    picture = Image.new("RGB", (80, 40), "white")
    picture.paste("red", (0, 0, 40, 20))  # the upper left as stored
    exif = Image.Exif()
    exif[0x0112] = turn
    kept = opened(clean_photo(saved(picture, exif=exif, quality=95)).content)
    assert kept.size == ((80, 40) if turn < 5 else (40, 80))
    right, low = turn in (2, 3, 6, 7), turn in (3, 4, 7, 8)  # EXIF 2.3, orientation: where the first corner is seen
    red, green, _ = kept.getpixel((kept.width * (3 if right else 1) // 4, kept.height * (3 if low else 1) // 4))
    assert red > 200 and green < 60


def test_nothing_beside_the_pixels_gets_through() -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0xA431] = "Li's camera", "SN-000177"
    exif.get_ifd(0x8825)[1], exif.get_ifd(0x8825)[2] = "N", (30.0, 33.0, 7.5)
    exif.get_ifd(0x8825)[0x1D] = "GPSLatitude"
    words = PngImagePlugin.PngInfo()
    words.add_text("Author", "Li's camera")
    words.add_itxt("XML:com.adobe.xmp", "http://ns.adobe.com GPSLatitude")
    picture = Image.new("RGB", (64, 48), "blue")
    for data in (
        saved(picture, exif=exif, comment=b"Li's camera", xmp=b"http://ns.adobe.com GPSLatitude"),
        saved(picture, "PNG", pnginfo=words, exif=exif), saved(picture, "WEBP", exif=exif, xmp=b"GPSLatitude"),
    ):  # fmt: skip
        assert any(secret in data for secret in SECRETS)
        kept = clean_photo(data).content
        assert not any(secret in kept for secret in SECRETS)
        found = opened(kept)
        assert not found.getexif() and set(found.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize(("size", "kept"), [((4000, 3000), (1600, 1200)), ((300, 5000), (96, 1600)), ((9, 7), (9, 7))])
def test_a_photo_is_small_and_light(size: tuple[int, int], kept: tuple[int, int]) -> None:
    photo = clean_photo(saved(Image.new("RGB", size, "green")))
    assert (photo.width, photo.height) == kept == opened(photo.content).size


def test_noise_is_light_too() -> None:
    noise = Image.frombytes("RGB", (2000, 1500), random.Random(1).randbytes(2000 * 1500 * 3))
    photo = clean_photo(saved(noise, quality=98))
    assert len(photo.content) <= MOST_BYTES and max(photo.width, photo.height) <= SIDE


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_pixel_is_drawn(mode: str) -> None:
    picture = Image.new("L", (30, 20), 255).convert(mode) if mode != "I;16" else Image.new(mode, (30, 20), 65535)
    photo = clean_photo(saved(picture, "JPEG" if mode == "CMYK" else "PNG"))
    found = opened(photo.content)
    assert (found.mode, found.size) == ("RGB", (30, 20)) and min(found.getpixel((5, 5))) > 240


def test_what_would_burst_memory_is_refused_before_it_is_opened() -> None:
    for data in (bomb(60_000, 60_000), bomb(2**31 - 1, 2**31 - 1), bomb(8_000, 6_000)):
        with pytest.raises(BadFile, match=r"a\.png .*(pixels|damaged)"):
            clean_photo(data, "a.png")


def test_what_is_no_photo_is_refused_by_name() -> None:
    whole = saved(Image.new("RGB", (640, 480), "green"))
    for data in (b"", b"GIF89a" + bytes(50), b"<svg onload=alert(1)>", b"%PDF-1.7", whole[:400]):
        with pytest.raises(BadFile, match=r"x\.jpg"):
            clean_photo(data, "x.jpg")
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


@settings(max_examples=150, deadline=None)
@given(
    at=st.integers(0, 2000), byte=st.integers(0, 255), cut=st.integers(0, 200),
    form=st.sampled_from(["JPEG", "PNG", "WEBP"]),
)
def test_damaged_bytes_give_a_photo_or_a_refusal(at: int, byte: int, cut: int, form: str) -> None:
    data = bytearray(saved(Image.radial_gradient("L").convert("RGB").resize((90, 70)), form))
    data[at % len(data)] = byte
    try:
        photo = clean_photo(bytes(data[: len(data) - cut]))
    except BadFile:
        return
    assert opened(photo.content).format == "JPEG"
