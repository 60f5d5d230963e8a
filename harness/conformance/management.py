"""authenticatorCredentialManagement as the platform's side of it (CTAP 2.3 §6.8)."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from harness.conformance.ceremony import Registration
from harness.conformance.owner import Owner, signed
from harness.conformance.pin import CM
from harness.conformance.probe import CMD, ERR, Answer

METADATA, RPS, NEXT_RP, CREDENTIALS, NEXT_CREDENTIAL, DELETE, UPDATE = range(1, 8)

RP_ID_HASH_PARAM, CREDENTIAL_ID_PARAM, USER_PARAM = 1, 2, 3
EXISTING, REMAINING, RP, RP_ID_HASH, TOTAL_RPS, USER, CREDENTIAL_ID, PUBLIC_KEY, TOTAL_CREDENTIALS = range(
    1, 10
)
CRED_PROTECT, LARGE_BLOB_KEY, THIRD_PARTY_PAYMENT = 10, 11, 12


class Management:
    """Manages the key's credentials for its owner; ``command`` may be the preview's."""

    def __init__(self, owner: Owner, command: int = CMD.CREDENTIAL_MGMT) -> None:
        self.owner = owner
        self.command = command

    def ask(
        self, subcommand: int, params: dict[int, Any] | None = None, *, token: bytes | None = None
    ) -> Answer:
        """A subcommand with its pinUvAuthParam, by a new token unless one is given."""
        auth = self.owner.auth
        token = self.owner.token(CM) if token is None else token
        param = auth.authenticate(token, signed(subcommand, params))
        return self.bare(subcommand, params, {3: auth.version, 4: param})

    def bare(
        self,
        subcommand: int,
        params: dict[int, Any] | None = None,
        more: Mapping[int, Any] | None = None,
    ) -> Answer:
        """A subcommand without one, as those that go on with an enumeration are sent."""
        members = {1: subcommand, **({} if params is None else {2: params}), **(more or {})}
        return self.owner.probe.cbor(self.command, members)

    def counts(self) -> tuple[int, int]:
        """How many credentials the key keeps, and how many more it has room for."""
        members = self.ask(METADATA).succeeded()
        return members[EXISTING], members[REMAINING]

    def relying_parties(self) -> list[dict[int, Any]]:
        """All that it has credentials for."""
        return self._all(self.ask(RPS), NEXT_RP, TOTAL_RPS)

    def credentials(self, rp_id: str) -> list[dict[int, Any]]:
        """All that it keeps for one."""
        return self._all(self.ask(CREDENTIALS, of(rp_id)), NEXT_CREDENTIAL, TOTAL_CREDENTIALS)

    def delete(self, registration: Registration, *, token: bytes | None = None) -> Answer:
        return self.ask(DELETE, {CREDENTIAL_ID_PARAM: registration.descriptor}, token=token)

    def update(
        self, registration: Registration, user: Mapping[str, Any], *, token: bytes | None = None
    ) -> Answer:
        params = {CREDENTIAL_ID_PARAM: registration.descriptor, USER_PARAM: dict(user)}
        return self.ask(UPDATE, params, token=token)

    def _all(self, begun: Answer, next_one: int, total: int) -> list[dict[int, Any]]:
        if begun.status == ERR.NO_CREDENTIALS:
            return []
        first = begun.succeeded()
        assert total in first, "the first answer of an enumeration does not say how many there are"
        return [first, *(self.bare(next_one).succeeded() for _ in range(first[total] - 1))]


def ids(listed: list[dict[int, Any]]) -> list[bytes]:
    """The credential IDs of credentials that are listed."""
    return [one[CREDENTIAL_ID]["id"] for one in listed]


def of(rp_id: str) -> dict[int, Any]:
    """subCommandParams that name a relying party."""
    return {RP_ID_HASH_PARAM: sha256(rp_id.encode()).digest()}
