"""Registering and signing in as a relying party sees it, with what the key needs to let it through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from fido2.cose import CoseKey
from fido2.webauthn import AuthenticatorData

from harness.conformance.pin import GA, MC, PinAuth
from harness.conformance.probe import CMD, Answer, Probe
from harness.devices.key import DeviceError

RP_ID = "conform.example"
CLIENT_DATA_HASH = sha256(b"the client data of a conformance test").digest()
ES256 = {"alg": -7, "type": "public-key"}

RP, USER, PARAMS, EXCLUDE, MC_EXTENSIONS, MC_OPTIONS, MC_PARAM, MC_PROTOCOL = 2, 3, 4, 5, 6, 7, 8, 9
ALLOW, GA_EXTENSIONS, GA_OPTIONS, GA_PARAM, GA_PROTOCOL = 3, 4, 5, 6, 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A credential that was made: the members of the response, and its authenticator data read."""

    members: Mapping[int, Any]
    auth_data: AuthenticatorData
    rp_id: str

    @property
    def credential_id(self) -> bytes:
        assert self.auth_data.credential_data is not None, "authData has no attested credential data"
        return self.auth_data.credential_data.credential_id

    @property
    def public_key(self) -> CoseKey:
        assert self.auth_data.credential_data is not None, "authData has no attested credential data"
        return self.auth_data.credential_data.public_key

    @property
    def descriptor(self) -> dict[str, Any]:
        """Its PublicKeyCredentialDescriptor."""
        return {"id": self.credential_id, "type": "public-key"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """An assertion: the members of the response, and its authenticator data read."""

    members: Mapping[int, Any]
    auth_data: AuthenticatorData
    signature: bytes

    @property
    def flags(self) -> int:
        """The flags byte, with bits that nobody has defined."""
        return bytes(self.auth_data)[32]

    def verify(self, registration: Registration, client_data_hash: bytes = CLIENT_DATA_HASH) -> None:
        """Fails unless it is signed by the registration's key."""
        try:
            registration.public_key.verify(bytes(self.auth_data) + client_data_hash, self.signature)
        except Exception as error:
            raise AssertionError("the signature is not by the key of the credential") from error


class Ceremony:
    """Makes and uses credentials for ``rp_id``.

    What the key demands of its user (a PIN, a finger) goes with every request unless ``bare``. ``pin`` is
    what the user types who has set one meanwhile.
    """

    def __init__(self, probe: Probe, rp_id: str = RP_ID) -> None:
        self.probe = probe
        self.rp_id = rp_id
        self.pin: str | None = None

    def creation(self, **changed: Any) -> dict[int, Any]:
        """makeCredential's required members.

        The keywords are ``rp_id``, ``user_id``, ``algorithms`` (a list of parameters), ``exclude`` (of
        registrations), ``extensions``, ``rk``.
        """
        rp_id = changed.get("rp_id", self.rp_id)
        members: dict[int, Any] = {
            1: CLIENT_DATA_HASH,
            RP: {"id": rp_id, "name": "Conformance"},
            USER: {"id": changed.get("user_id", b"user"), "name": "user", "displayName": "A user"},
            PARAMS: list(changed.get("algorithms", [ES256])),
        }
        if exclude := changed.get("exclude"):
            members[EXCLUDE] = [registration.descriptor for registration in exclude]
        if extensions := changed.get("extensions"):
            members[MC_EXTENSIONS] = extensions
        if changed.get("rk"):
            members[MC_OPTIONS] = {"rk": True}
        return members

    def request(self, **changed: Any) -> dict[int, Any]:
        """getAssertion's required members; the keywords are ``rp_id``, ``allow`` (of registrations),
        ``extensions``, ``up``."""
        members: dict[int, Any] = {1: changed.get("rp_id", self.rp_id), 2: CLIENT_DATA_HASH}
        if (allow := changed.get("allow")) is not None:
            members[ALLOW] = [registration.descriptor for registration in allow]
        if extensions := changed.get("extensions"):
            members[GA_EXTENSIONS] = extensions
        if "up" in changed:
            members[GA_OPTIONS] = {"up": changed["up"]}
        return members

    def make(self, members: dict[int, Any] | None = None, *, bare: bool = False, **changed: Any) -> Answer:
        """makeCredential with ``members``, or what :meth:`creation` makes of the keywords."""
        members = self.creation(**changed) if members is None else members
        if not bare:
            members = members | self._evidence(
                MC, members[RP]["id"], members.get(MC_OPTIONS), MC_PARAM, MC_OPTIONS
            )
        return self.probe.cbor(CMD.MAKE_CREDENTIAL, members)

    def get(self, members: dict[int, Any] | None = None, *, bare: bool = False, **changed: Any) -> Answer:
        """getAssertion with ``members``, or what :meth:`request` makes of the keywords."""
        members = self.request(**changed) if members is None else members
        if not bare:
            members = members | self._evidence(GA, members[1], members.get(GA_OPTIONS), GA_PARAM, GA_OPTIONS)
        return self.probe.cbor(CMD.GET_ASSERTION, members)

    def register(self, **changed: Any) -> Registration:
        """A new credential; fails unless the key makes one."""
        return self.registration(self.make(**changed), changed.get("rp_id", self.rp_id))

    def registration(self, answer: Answer, rp_id: str = RP_ID) -> Registration:
        """What a successful answer to makeCredential says."""
        members = answer.succeeded()
        assert 2 in members, "makeCredential's answer has no authData"
        return Registration(members=members, auth_data=AuthenticatorData(members[2]), rp_id=rp_id)

    def sign_in(self, *allow: Registration, **changed: Any) -> Assertion:
        """An assertion; fails unless the key gives one. Without registrations it finds a credential."""
        if allow:
            changed["allow"] = allow
        return assertion(self.get(**changed))

    def _evidence(
        self, permission: int, rp_id: str, options: Mapping[str, bool] | None, param: int, option_member: int
    ) -> dict[int, Any]:
        """The members that show who is there, as far as the key has been set up for it."""
        probe = self.probe
        if probe.option("clientPin"):
            pin = self.pin or probe.pin() or _owner_unknown(probe)
            version = probe.info[6][0]
            auth = PinAuth(probe, version)
            with_permissions = probe.option("pinUvAuthToken")
            token = auth.token(
                pin, permission if with_permissions else None, rp_id if with_permissions else None
            )
            return {param: auth.authenticate(token, CLIENT_DATA_HASH), param + 1: version}
        if probe.option("uv"):
            return {option_member: {**(options or {}), "uv": True}}
        return {}


def assertion(answer: Answer) -> Assertion:
    """What a successful answer to getAssertion or getNextAssertion says."""
    members = answer.succeeded()
    for member, name in ((1, "credential"), (2, "authData"), (3, "signature")):
        assert member in members, f"getAssertion's answer has no {name}"
    return Assertion(members=members, auth_data=AuthenticatorData(members[2]), signature=members[3])


def credential_ids(answers: Sequence[Assertion]) -> list[bytes]:
    """The credentials that answered, in their order."""
    return [answer.members[1]["id"] for answer in answers]


def _owner_unknown(probe: Probe) -> str:
    raise DeviceError(f"{probe.key.name} has a PIN that nobody said; put it in the environment as KEYRIG_PIN")
