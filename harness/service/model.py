"""What the service keeps: accounts, users, roles, their credentials and MFA devices, and sign-ins under way.

Every class is a frozen record. ``key`` identifies it among its kind, ``account_id`` and ``user_name`` say
whose it is (the root user is called ``root``). Times are the world's, in seconds since the Unix epoch.
Secrets stay out of every ``repr``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

from harness.service.grants import Group, Role, RoleSession, entity_key
from harness.service.totp_rules import TotpState

ROOT = "root"
Via = Literal["access-key", "session", "role", "console"]


class Record(Protocol):
    """Anything the store keeps."""

    @property
    def key(self) -> str: ...
    @property
    def account_id(self) -> str | None: ...
    @property
    def user_name(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An AWS account; ``id`` is its twelve digits, ``alias`` its name in sign-in addresses, if it has one.

    ``phone_number`` is the contact's, in international form; root's recovery calls it. Without a
    ``password_policy`` of its own, AWS's default one holds.
    """

    id: str
    alias: str | None
    root_email: str
    created_at: float
    phone_number: str | None = None
    password_policy: PasswordPolicy | None = None
    user_name: ClassVar[None] = None

    @property
    def key(self) -> str:
        return self.id

    @property
    def account_id(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordPolicy:
    """What an account asks of its IAM users' passwords (IAM API: PasswordPolicy). Zero: no such rule."""

    minimum_length: int
    require_symbols: bool = False
    require_numbers: bool = False
    require_uppercase: bool = False
    require_lowercase: bool = False
    allow_users_to_change: bool = False
    max_age_days: int = 0
    reuse_prevention: int = 0
    hard_expiry: bool = False


def user_key(account_id: str, user_name: str) -> str:
    """A user's key."""
    return entity_key(account_id, user_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An IAM user, or an account's root user: then ``root`` is true, and ``user_id`` is the account's ID.

    ``policies`` maps an inline policy's name to its document, as the text it was put as; ``boundary`` is the
    ARN of the managed policy that is its permissions boundary.
    ``first_signed_in_at`` is when a console sign-in first got past the password.
    """

    account_id: str
    name: str
    user_id: str
    path: str = "/"
    created_at: float
    password_hash: str | None = field(default=None, repr=False)
    password_created_at: float | None = None
    password_last_used_at: float | None = None
    first_signed_in_at: float | None = None
    old_password_hashes: tuple[str, ...] = field(default=(), repr=False)
    policies: Mapping[str, str] = field(default_factory=dict)
    attached: tuple[str, ...] = ()
    boundary: str | None = None
    groups: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    root: bool = False

    @property
    def arn(self) -> str:
        if self.root:
            return f"arn:aws:iam::{self.account_id}:root"
        return f"arn:aws:iam::{self.account_id}:user{self.path}{self.name}"

    @property
    def key(self) -> str:
        return user_key(self.account_id, self.name)

    @property
    def user_name(self) -> str:
        return self.name


PolicyHolder = User | Group | Role


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualMfaDevice:
    """An authenticator app's device; unassigned at first: ``user_name`` and ``enabled_at`` are ``None``."""

    serial_number: str
    name: str
    path: str = "/"
    account_id: str
    totp: TotpState
    user_name: str | None = None
    enabled_at: float | None = None
    created_at: float
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.serial_number


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareTotpDevice:
    """A hardware TOTP token, known by the serial number printed on it; its secret came from the vendor."""

    serial_number: str
    totp: TotpState
    account_id: str | None = None
    user_name: str | None = None
    enabled_at: float | None = None

    @property
    def key(self) -> str:
        return self.serial_number


@dataclass(frozen=True, slots=True, kw_only=True)
class FidoSecurityKey:
    """One user's credential on a FIDO security key; the key itself may hold many users'.

    ``public_key`` is a COSE key; ``backup_eligible`` and ``backed_up`` are BE and BS (WebAuthn §6.1.3).
    ``certifications`` maps ``FIDO``, ``FIPS-140-2`` and ``FIPS-140-3`` to the level that the model's metadata
    gave at registration.
    """

    serial_number: str
    name: str
    account_id: str
    user_name: str
    enabled_at: float
    credential_id: bytes
    public_key: bytes
    sign_count: int
    aaguid: str
    attestation_format: str
    transports: tuple[str, ...] = ()
    backup_eligible: bool = False
    backed_up: bool = False
    certifications: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.serial_number


TotpDevice = VirtualMfaDevice | HardwareTotpDevice
MfaDevice = VirtualMfaDevice | HardwareTotpDevice | FidoSecurityKey


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """A user's long-term key for signing requests."""

    id: str
    secret: str = field(repr=False)
    account_id: str
    user_name: str
    status: Literal["Active", "Inactive"] = "Active"
    created_at: float
    last_used: KeyUse | None = None

    @property
    def key(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """When, where and for which service an access key signed."""

    at: float
    service: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCredentials:
    """Temporary credentials from STS; ``mfa_authenticated_at`` is when a code was given, if one was."""

    id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    account_id: str
    user_name: str
    expires_at: float
    mfa_authenticated_at: float | None = None

    @property
    def key(self) -> str:
        return self.id


def session_key(session_id: str) -> str:
    """What a sign-in session is stored under: whoever reads the store cannot take the session over."""
    return hashlib.sha256(session_id.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitingMfa:
    """The password was right, and the user has MFA devices: the second page.

    ``failures`` counts the user's refusals in a row; ``challenge`` is the WebAuthn challenge in play, if any.
    """

    id: str = field(repr=False)
    account_id: str
    user_name: str
    expires_at: float
    failures: int = 0
    challenge: Challenge | None = None

    @property
    def key(self) -> str:
        return session_key(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A console session; without ``mfa_authenticated_at`` the user had no MFA device when it began."""

    id: str = field(repr=False)
    account_id: str
    user_name: str
    signed_in_at: float
    expires_at: float
    mfa_authenticated_at: float | None = None
    mfa_serial_number: str | None = None

    @property
    def key(self) -> str:
        return session_key(self.id)


SignInSession = AwaitingMfa | SignedIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """A WebAuthn challenge: good once, until ``expires_at``."""

    value: bytes = field(repr=False)
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRegistration:
    """A security key being registered: who asked (``caller_arn``), for whom, under which device name."""

    account_id: str
    user_name: str
    caller_arn: str
    device_name: str
    challenge: Challenge

    @property
    def key(self) -> str:
        return f"{user_key(self.account_id, self.user_name)} by {self.caller_arn}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RootRecovery:
    """How far root has come with signing in by e-mail and phone, in the sign-in session of that key (S4).

    ``email_token_key`` is what the last e-mail's token is stored under, as :func:`session_key` makes it;
    ``code`` what the screen shows while the call ``call_id`` lasts, until ``call_ends_at``.
    """

    session_key: str
    account_id: str
    user_name: str
    emails: int = 0
    email_token_key: str | None = field(default=None, repr=False)
    email_verified: bool = False
    calls: int = 0
    call_id: str | None = None
    call_ends_at: float = 0.0
    code: str | None = field(default=None, repr=False)
    phone_verified: bool = False

    @property
    def key(self) -> str:
        return self.session_key


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """What the service would have sent out: an e-mail, a call, a request to support, or support's reply.

    ``link`` is the path that an e-mail leads to, a bearer secret; ``body`` what a person wrote. A request
    says how its writer can be reached and in which ``language``, and has an ``answer`` once it was given one.
    """

    id: str
    kind: Literal["email", "call", "support", "reply"]
    account_id: str | None
    user_name: str | None
    to: str
    subject: str
    sent_at: float
    body: str = field(default="", repr=False)
    link: str | None = field(default=None, repr=False)
    reach: str = field(default="", repr=False)
    language: str = ""
    answer: Literal["reset", "refused"] | None = None

    @property
    def key(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsMfaDevice:
    """A phone enabled for SMS codes while that could be done; it still shows, and does no more (S1)."""

    account_id: str
    user_name: str
    phone_number: str

    @property
    def key(self) -> str:
        return user_key(self.account_id, self.user_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalCount:
    """How often in a row a user's password or MFA was refused, and when last."""

    account_id: str
    user_name: str
    factor: Literal["password", "mfa"]
    failures: int
    last_at: float

    @property
    def key(self) -> str:
        return f"{user_key(self.account_id, self.user_name)} {self.factor}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, by what right and until when. Good for one request: it holds the present policies.

    ``user`` is the user or the role's session that asks. ``policies`` are all the documents that speak for
    it: its own, attached ones, its groups'. Where there is a ``boundary``, and where there are
    ``session_policies``, these must allow as well.
    """

    user: User | RoleSession
    via: Via
    policies: tuple[str, ...] = ()
    boundary: str | None = None
    session_policies: tuple[str, ...] = ()
    mfa_authenticated_at: float | None = None
    expires_at: float | None = None

    @property
    def arn(self) -> str:
        return self.user.arn

    @property
    def account_id(self) -> str:
        return self.user.account_id
