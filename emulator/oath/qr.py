"""QR codes of otpauth URIs: drawn by segno, read back by ZXing."""

from __future__ import annotations

import io

import segno
import zxingcpp
from PIL import Image, UnidentifiedImageError

from emulator.oath.record import SeedFileError

FORMATS = ("svg", "png")
_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"RIFF": "WEBP",
}


def is_picture(data: bytes) -> bool:
    """Whether the file begins as a picture does that :func:`scan` can open."""
    return data.startswith(tuple(_PICTURES))


def picture(uri: str, kind: str) -> bytes:
    """The QR code as a file, "svg" or "png"."""
    output = io.BytesIO()
    segno.make(uri, micro=False).save(output, kind=kind, scale=8, border=4)
    return output.getvalue()


def terminal(uri: str) -> str:
    """The QR code in half blocks, for a terminal whose letters are light on dark."""
    output = io.StringIO()
    segno.make(uri, micro=False).terminal(out=output, border=2, compact=True)
    return output.getvalue()


def scan(data: bytes) -> list[str]:
    """The otpauth URIs of the QR codes in a picture; at least one."""
    try:
        with Image.open(io.BytesIO(data), formats=sorted(set(_PICTURES.values()))) as image:
            codes = zxingcpp.read_barcodes(image.convert("L"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise SeedFileError("the picture is damaged, or of a kind that is not read; make it a PNG") from None
    uris = [code.text for code in codes if code.text.startswith("otpauth")]
    if not uris:
        raise SeedFileError("the picture shows no QR code of a token")
    return uris
