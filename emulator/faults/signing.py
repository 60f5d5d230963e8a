"""Answers to makeCredential and getAssertion changed, and signed again (WebAuthn Level 3 §6.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from emulator.faults.changes import Change, Members, changed
from emulator.faults.fault import Parts, Wrap
from emulator.faults.messages import asks, members_of, on_answer
from emulator.faults.wiring import ChangedCommands
from emulator.fido import cbor, cose
from emulator.fido.attestation import Attestation, self_statement
from emulator.fido.authenticator import CtapCommand
from emulator.fido.credential import Credential, unwrap
from emulator.fido.ctap2 import get_assertion as ga
from emulator.fido.ctap2 import make_credential as mc
from emulator.fido.status import CtapStatus
from emulator.key_parts import Commands

AUTH_DATA = 2
"""The member of either answer that is authenticator data."""

FLAGS, SIGN_COUNT, AAGUID, CREDENTIAL_ID = 32, 33, 37, 55
"""Where in authenticator data these begin; before a credential ID stands its length, in two bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request that succeeded, and its answer, on a key made of these parts."""

    parts: Parts
    command: CtapCommand
    request: Members
    answer: Members

    @property
    def rp_id(self) -> str:
        found: str = self.request[mc.RP]["id"] if self._makes else self.request[ga.RP_ID]
        return found

    @property
    def client_data_hash(self) -> bytes:
        found: bytes = self.request[mc.CLIENT_DATA_HASH if self._makes else ga.CLIENT_DATA_HASH]
        return found

    @property
    def auth_data(self) -> bytes:
        found: bytes = self.answer[AUTH_DATA]
        return found

    @property
    def credential(self) -> Credential:
        """The one that was made or used."""
        named = credential_id_in(self.auth_data) if self._makes else self.answer[ga.CREDENTIAL]["id"]
        return _credential_of(self.parts, named, self.rp_id)

    @property
    def private_key(self) -> cose.PrivateKey:
        """That of the credential."""
        credential = self.credential
        return cose.load(credential.algorithm, credential.private_key)

    @property
    def _makes(self) -> bool:
        return self.command == CtapCommand.MAKE_CREDENTIAL


def credential_id_in(auth_data: bytes) -> bytes:
    """The credential ID in attested credential data."""
    length = int.from_bytes(auth_data[CREDENTIAL_ID - 2 : CREDENTIAL_ID], "big")
    return auth_data[CREDENTIAL_ID : CREDENTIAL_ID + length]


def _credential_of(parts: Parts, credential_id: bytes, rp_id: str) -> Credential:
    """One of our credentials, kept or carried in its ID."""
    rp_id_hash, master_secret = sha256(rp_id.encode()).digest(), parts.store.master_secret
    assert master_secret is not None
    credential = parts.store.credential(credential_id) or unwrap(credential_id, rp_id_hash, master_secret)
    assert credential is not None, "an answer of ours names a credential of ours"
    return credential


def on_exchange(command: CtapCommand, change: Callable[[Exchange], Members | None]) -> Wrap:
    """Successful answers to ``command`` with other members; ``None`` leaves one as it is."""

    def wrap(inner: Commands, parts: Parts) -> Commands:
        def answer(message: bytes, answer: bytes) -> bytes:
            if not asks(message, command) or answer[0] != CtapStatus.SUCCESS:
                return answer
            request, members = members_of(message), members_of(answer)
            changed = change(Exchange(parts=parts, command=command, request=request, answer=members))
            return answer if changed is None else answer[:1] + cbor.encode(changed)

        return ChangedCommands(inner, answer=answer)

    return wrap


def on_auth_data(command: CtapCommand, change: Change) -> Wrap:
    """Authenticator data changed in answers to ``command``, and signed again so that the signature holds."""
    return on_exchange(command, lambda exchange: resigned(exchange, change(exchange.auth_data)))


def on_signed_auth_data(command: CtapCommand, change: Change) -> Wrap:
    """Authenticator data changed when it is signed, for what cannot be found in it any more."""
    return on_answer(command, changed(AUTH_DATA, change))


def resigned(exchange: Exchange, auth_data: bytes) -> Members:
    """The answer with this authenticator data, and a signature over that."""
    answer = {**exchange.answer, AUTH_DATA: auth_data}
    if exchange.command != CtapCommand.MAKE_CREDENTIAL:
        signed = auth_data + exchange.client_data_hash
        return {**answer, ga.SIGNATURE: exchange.private_key.sign(signed)}
    if answer[mc.FMT] != "packed":
        return answer
    if "x5c" in answer[mc.ATT_STMT]:
        return attested(exchange, model_attestation(exchange.parts), auth_data)
    key = exchange.private_key
    return {**answer, mc.ATT_STMT: self_statement(auth_data, exchange.client_data_hash, key)}


def model_attestation(parts: Parts) -> Attestation:
    """What the model attests with."""
    return Attestation.of_model(parts.profile.aaguid, chained=parts.profile.attestation_chain)


def attested(exchange: Exchange, attestation: Attestation, auth_data: bytes) -> Members:
    """The answer to makeCredential with this authenticator data and a packed statement."""
    statement = attestation.packed_statement(auth_data, exchange.client_data_hash)
    return {**exchange.answer, AUTH_DATA: auth_data, mc.ATT_STMT: statement}
