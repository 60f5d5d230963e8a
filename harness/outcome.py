"""What came of an attempt in the console or by the API, as far as whoever made it can see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.devices.token import Token
from harness.page import Page


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Outcome:
    """What came of an attempt, as far as the person can see it.

    ``text`` is what the page or the API's error says, ``status`` the HTTP status, ``code`` the API's error
    code; ``answer`` is what the API returned. ``diagnosis`` is what the service noted for its log and told
    nobody.
    """

    accepted: bool
    text: str = ""
    status: int = 200
    code: str = ""
    answer: Any = None
    diagnosis: str = ""
    shown: Page | None = None
    scanned: Token | None = None

    def __repr__(self) -> str:
        said = f"{self.code}: {self.text}" if self.code else self.text
        verdict = "accepted" if self.accepted else "refused"
        noted = f"; the service noted: {self.diagnosis}" if self.diagnosis else ""
        return f"<{verdict}, {self.status} {said}{noted}>"

    @property
    def refused(self) -> bool:
        return not self.accepted

    @property
    def page(self) -> Page:
        """The page it led to; an attempt by API leads to none."""
        assert self.shown is not None, "an attempt by API leads to no page"
        return self.shown

    @property
    def token(self) -> Token:
        """The authenticator app's new entry, whether the service enabled it or not."""
        assert self.scanned is not None, "no QR code was scanned"
        return self.scanned


def called(call: Callable[[], Any]) -> Outcome:
    """What comes of a call by a stock SDK; a refusal is its ``ClientError``."""
    from botocore.exceptions import ClientError

    try:
        return Outcome(accepted=True, answer=call())
    except ClientError as error:
        answer = error.response
        return Outcome(
            accepted=False,
            text=answer["Error"]["Message"],
            code=answer["Error"]["Code"],
            status=answer["ResponseMetadata"]["HTTPStatusCode"],
        )
