"""A service with one account, and what its tests do with it: users, tokens, and a software security key."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import argon2
import pyotp
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.webauthn import Aaguid, AttestationObject, AttestedCredentialData, AuthenticatorData

from emulator.clock import ManualClock
from harness.service.identity import Identity
from harness.service.model import Caller, SignedIn
from harness.service.store import AccountStore, MemoryStore

PASSWORD = "Correct-horse-1"
ORIGIN = "http://localhost:8000"
Flags = AuthenticatorData.FLAG


@dataclass
class SoftwareKey:
    """A security key that says whatever a test wants it to; each field is a lie waiting to be told."""

    rp_id: str = "localhost"
    origin: str = ORIGIN
    sign_count: int = 1
    flags: Flags = Flags.UP
    attestation_format: str = "none"
    client_data: dict[str, Any] = field(default_factory=dict)
    user_handle: bytes | None = None
    credential_id: bytes = b"\x01" * 32
    private_key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.derive_private_key(0xC0FFEE, ec.SECP256R1())
    )

    def register(self, options: dict[str, Any]) -> str:
        """The JSON response to creation options."""
        client_data = self._client_data("webauthn.create", options)
        credential = AttestedCredentialData.create(
            Aaguid(bytes(16)), self.credential_id, ES256.from_cryptography_key(self.private_key.public_key())
        )
        auth_data = self._auth_data(self.flags | Flags.AT, credential)
        statement: dict[str, Any] = {}
        if self.attestation_format == "packed":  # self attestation, WebAuthn §8.2
            statement = {"alg": -7, "sig": self._sign(auth_data + hashlib.sha256(client_data).digest())}
        attestation = AttestationObject.create(
            self.attestation_format, AuthenticatorData(auth_data), statement
        )
        return self._response(
            {
                "clientDataJSON": b64url(client_data),
                "attestationObject": b64url(bytes(attestation)),
                "transports": ["usb"],
            }
        )

    def respond(self, options: dict[str, Any]) -> str:
        """The JSON response to request options; the count goes up by one."""
        client_data = self._client_data("webauthn.get", options)
        self.sign_count += 1
        auth_data = self._auth_data(self.flags)
        response = {
            "clientDataJSON": b64url(client_data),
            "authenticatorData": b64url(auth_data),
            "signature": b64url(self._sign(auth_data + hashlib.sha256(client_data).digest())),
        }
        if self.user_handle is not None:
            response["userHandle"] = b64url(self.user_handle)
        return self._response(response)

    def _client_data(self, kind: str, options: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin, **self.client_data}
        return json.dumps(said).encode()

    def _auth_data(self, flags: Flags, credential: AttestedCredentialData | None = None) -> bytes:
        rp_id_hash = hashlib.sha256(self.rp_id.encode()).digest()
        return bytes(AuthenticatorData.create(rp_id_hash, flags, self.sign_count, credential or b""))

    def _sign(self, message: bytes) -> bytes:
        return self.private_key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))

    def _response(self, response: dict[str, Any]) -> str:
        credential_id = b64url(self.credential_id)
        return json.dumps(
            {"id": credential_id, "rawId": credential_id, "type": "public-key", "response": response}
        )


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Office:
    """One account ``example-corp`` at a manual clock, and its root as caller."""

    clock: ManualClock
    store: AccountStore
    identity: Identity
    account_id: str
    root: Caller
    password: str = PASSWORD

    def user(self, name: str, *documents: str, password: bool = True) -> Caller:
        """A new user with these policies, as caller by an access key."""
        self.identity.create_user(self.root, name)
        if password:
            self.identity.create_login_profile(self.root, name, PASSWORD)
        for number, document in enumerate(documents):
            self.identity.put_user_policy(self.root, name, f"policy{number}", document)
        key = self.identity.create_access_key(self.root, name)
        return self.identity.caller_for_access_key(key.id)

    def policy(self, *actions: str, effect: str = "Allow", resource: str = "*") -> str:
        """A policy of one statement."""
        statement = {"Effect": effect, "Action": list(actions), "Resource": resource}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    def administrator(self, name: str = "ada") -> Caller:
        return self.user(name, self.policy("*"))

    def token(self, serial_number: str, user_name: str | None = None) -> Token:
        """A hardware token, enabled for the user if one is named; then it has a fresh code at once."""
        secret = hashlib.sha256(serial_number.encode()).digest()[:20]
        self.identity.import_hardware_token(serial_number, secret)
        token = Token(serial_number, secret, self.clock)
        if user_name is not None:
            self.identity.enable_mfa_device(self.root, user_name, serial_number, *token.pair())
            self.clock.advance(30)
        return token

    def code_sign_in(self, user_name: str, token: Token) -> SignedIn:
        session = self.identity.sign_in("example-corp", user_name, PASSWORD)
        return self.identity.present_code(session.id, token.code())

    def in_console(self, caller: Caller, *, mfa: bool = False) -> Caller:
        """The same user signed in to the console."""
        return replace(
            caller, via="console", mfa_authenticated_at=self.clock() if mfa else None, expires_at=None
        )

    def register(self, caller: Caller, user_name: str | None, name: str, key: SoftwareKey) -> Any:
        options = self.identity.begin_security_key_registration(caller, user_name, name)
        return self.identity.finish_security_key_registration(caller, user_name, name, key.register(options))


@dataclass
class Token:
    """A TOTP token on the right time, ``offset`` seconds wrong."""

    serial_number: str
    secret: bytes = field(repr=False)
    clock: ManualClock
    offset: float = 0.0

    def code(self, steps: int = 0) -> str:
        """The code that is ``steps`` steps after the one shown now."""
        at = int(self.clock() + self.offset) + 30 * steps
        return pyotp.TOTP(base64.b32encode(self.secret).decode()).at(at)

    def pair(self) -> tuple[str, str]:
        """The previous code and this one."""
        return self.code(-1), self.code()


@pytest.fixture
def open_office() -> Callable[..., Office]:
    def open_(store: AccountStore | None = None, **more: Any) -> Office:
        clock = ManualClock()
        store = MemoryStore() if store is None else store
        cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        identity = Identity(store, clock=clock, **{"password_hasher": cheap, **more})
        identity.origins.append(ORIGIN)
        account = identity.create_account("example-corp", "root@example.com", PASSWORD, "123456789012")
        return Office(clock, store, identity, account.id, identity.root_caller(account.id))

    return open_


@pytest.fixture
def office(open_office: Callable[..., Office]) -> Office:
    return open_office()


@pytest.fixture
def software_key() -> type[SoftwareKey]:
    return SoftwareKey
