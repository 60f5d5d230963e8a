"""The README's pictures of the console, which ``KEYRIG_PICTURES=1`` in the environment takes anew."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

SHOTS = Path(__file__).parent / "shots"
WINDOW = {"width": 560, "height": 440}


def test_the_readme_s_pictures_are_there_and_can_be_taken_anew(
    arrive: Callable[..., Any], tmp_path: Path
) -> None:
    folder = SHOTS if os.environ.get("KEYRIG_PICTURES") else tmp_path
    english, japanese = arrive(), arrive(language="ja")

    def take(visitor: Any, name: str) -> None:
        visitor.page.set_viewport_size(WINDOW)
        png = visitor.page.screenshot(full_page=True)
        Image.open(io.BytesIO(png)).convert("RGB").quantize(48).save(folder / name, optimize=True)

    english.open("/sign-in/account")
    take(english, "sign-in.png")
    english.sign_in("alice")
    english.choose_device("alice-phone", "authenticator-app")
    token = english.scan()
    take(english, "authenticator-app.png")
    code_1, code_2 = token.read_two()
    english.submit("assign-authenticator-app", code_1=code_1, code_2=code_2)
    english.sign_in("alice")
    english.submit("mfa-code", code=token.read_next())
    english.plug_in()
    english.assign_key("alice-key")
    japanese.sign_in("alice")
    take(japanese, "mfa-ja.png")
    english.sign_in("root")
    english.assign_app("root-phone")
    english.sign_in("root")
    english.open("/sign-in/mfa/recovery")
    english.submit("send-email")
    english.open("/outbox")
    english.follow("verify-email")
    english.submit("call-phone")
    take(english, "recovery.png")

    for new in folder.glob("*.png"):
        kept = SHOTS / new.name
        assert kept.stat().st_size < 60_000, new.name
        with Image.open(kept) as one, Image.open(new) as other:
            assert one.width == other.width == WINDOW["width"], new.name
