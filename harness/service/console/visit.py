"""One visit to a page of the console, what a page answers with, and how a page refuses.

A page is two functions of a visit: ``show`` it, and ``submit`` the form in it. Neither sees HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, unquote

from harness.service.identity import Identity
from harness.service.model import AwaitingMfa, Caller, SignedIn, SignInSession
from harness.service.words import say


class PageError(Exception):
    """A visit that leads to no page; the visitor is told ``message`` under ``heading``, both in English."""

    def __init__(self, status: int, heading: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.heading = heading
        self.message = message


class NotSignedInError(PageError):
    """The page is for somebody who has signed in, or is about to."""

    def __init__(self) -> None:
        super().__init__(
            403, say("You are not signed in"), say("Your session has ended, or never began. Sign in first.")
        )


class FieldError(Exception):
    """A field of a form that cannot be as it was filled in; the form is shown again and says so."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """The account and user that this browser last signed in as."""

    account: str
    user_name: str = ""

    def __str__(self) -> str:
        return f"{quote(self.account, safe='')}:{quote(self.user_name, safe='')}"

    @classmethod
    def parse(cls, cookie: str) -> Remembered | None:
        """Read what ``str`` wrote; anything else is nothing remembered."""
        if not re.fullmatch(r"[\w%.~-]{1,200}:[\w%.~-]{0,400}", cookie, re.ASCII):
            return None
        account, _, user_name = cookie.partition(":")
        return cls(account=unquote(account), user_name=unquote(user_name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request for a page: who comes, in which language, and what they ask or fill in.

    ``address`` is the path and query asked for.
    """

    identity: Identity
    language: str
    address: str
    session: SignInSession | None
    remembered: Remembered | None
    path_params: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str] = field(repr=False)

    def asked(self, name: str) -> str:
        """What the form or the address says for ``name``, without white space around; "" if nothing."""
        return self.form.get(name, self.query.get(name, "")).strip()

    def secret(self, name: str) -> str:
        """What the form says for a password or the like, as it was typed."""
        return self.form.get(name, "")

    @property
    def awaiting_mfa(self) -> AwaitingMfa:
        """The session of a visitor whose password was right; anyone else is refused."""
        if not isinstance(self.session, AwaitingMfa):
            raise NotSignedInError
        return self.session

    @property
    def signed_in(self) -> SignedIn:
        """The session of a visitor who has signed in; anyone else is refused."""
        if not isinstance(self.session, SignedIn):
            raise NotSignedInError
        return self.session

    @property
    def caller(self) -> Caller:
        """Who asks, for the verbs of the identity."""
        return self.identity.console_caller(self.signed_in)


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """Answer with a page.

    ``alert`` says what is wrong, in English, and ``fault`` in which field. ``address`` is where the page is
    found again, unless at the address that was asked for.
    """

    template: str
    context: Mapping[str, Any] = field(default_factory=dict, repr=False)
    alert: str | None = None
    fault: str | None = None
    status: int = 200
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoTo:
    """Answer with another page's address; the rest changes what the browser keeps."""

    location: str
    session: SignInSession | Literal["end"] | None = None
    remember: Remembered | None = None
    language: str | None = None


Answer = Show | GoTo


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page at ``path``. One without ``show`` takes forms only; a refused form shows the page again.

    ``beyond_mfa``: closed to a root user who is overdue to assign an MFA device.
    """

    path: str
    show: Callable[[Visit], Answer] | None = None
    submit: Callable[[Visit], Answer] | None = None
    beyond_mfa: bool = False
