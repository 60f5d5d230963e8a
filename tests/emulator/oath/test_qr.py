"""QR codes drawn by segno and read by ZXing, in every form that they are drawn in."""

from __future__ import annotations

import io
import re

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from emulator.oath import otpauth, qr
from emulator.oath.record import SeedFileError, TokenRecord

URI = otpauth.write(
    TokenRecord(
        serial_number="2600215704919", secret=b"12345678901234567890", issuer="Example", account="Zoë"
    )
)


def test_a_picture_is_read_back() -> None:
    data = qr.picture(URI, "png")

    assert qr.is_picture(data)
    assert qr.scan(data) == [URI]


def test_the_squares_of_an_svg_are_read_back() -> None:
    svg = qr.picture(URI, "svg").decode()
    scale = float(re.findall(r"scale\((\d+)\)", svg)[0])
    size = int(re.findall(r'width="(\d+)"', svg)[0])
    image = Image.new("L", (size, size), 255)
    pen = ImageDraw.Draw(image)
    x = y = 0.0
    for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", re.findall(r' d="([^"]+)"', svg)[0]):
        values = [float(value) for value in numbers.split()]
        if command == "h":
            top = (y - 0.5) * scale
            pen.rectangle((x * scale, top, (x + values[0]) * scale - 1, top + scale - 1), fill=0)
            x += values[0]
        else:
            x, y = (values[0], values[1]) if command == "M" else (x + values[0], y + values[1])

    assert [code.text for code in zxingcpp.read_barcodes(image)] == [URI]


def test_the_blocks_in_a_terminal_are_read_back() -> None:
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in qr.terminal(URI).splitlines()]
    image = Image.new("L", (8 * len(lines[0]), 16 * len(lines)), 255)
    pen = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        for column, letter in enumerate(line):
            for half, letters in enumerate(("▄ ", "▀ ")):  # light on dark: what is not drawn is dark
                if letter in letters:
                    left, top = 8 * column, 16 * row + 8 * half
                    pen.rectangle((left, top, left + 7, top + 7), fill=0)

    assert [code.text for code in zxingcpp.read_barcodes(image)] == [URI]


@pytest.mark.parametrize("cut", [4, 40, 400])
def test_a_picture_that_is_cut_short_is_a_sentence(cut: int) -> None:
    with pytest.raises(SeedFileError, match="damaged"):
        qr.scan(qr.picture(URI, "png")[:cut])


def test_a_picture_of_something_else_is_a_sentence() -> None:
    output = io.BytesIO()
    Image.new("L", (100, 100), 255).save(output, "PNG")
    with pytest.raises(SeedFileError, match="shows no QR code of a token"):
        qr.scan(output.getvalue())
