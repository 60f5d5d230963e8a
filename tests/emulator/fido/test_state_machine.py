"""Any sequence of commands, time, power and PINs, right and wrong, beside a model of what CTAP 2.3 allows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, ClassVar

from fido2 import cbor
from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Ctap2
from fido2.ctap2.pin import PinProtocolV1, PinProtocolV2
from fido2.webauthn import AuthenticatorData
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from emulator.fido.status import CtapStatus
from emulator.profile import Profile

S = CtapStatus
MC, GA, CM, LBW, ACFG, PCMR = 0x01, 0x02, 0x04, 0x10, 0x20, 0x40
ROOM, RETRIES = 3, 8
PROTOCOLS = {1: PinProtocolV1(), 2: PinProtocolV2()}
PROFILE = replace(Profile.load("ctap23"), algorithms=("ES256",), discoverable_credentials=ROOM)
RP_IDS = st.sampled_from(["example.com"] * 3 + ["example.org"])
USERS = st.sampled_from([b"a", b"b", b"c"])
PINS = ("1357", "135790", "13579086")
PROOFS = st.sampled_from(["none", "held", "held", "fresh", "fresh"])
"""Of the user: none, the token that the platform has had, one that it gets now, the persistent one."""
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["make", "get", "get quietly", "count", "enumerate", "write", "configure"]),
        st.sampled_from([0.0, 0.0, 0.0, 29.5, 30.5, 569.0, 601.0]),
    ),
    min_size=2,
    max_size=5,
)
HELD_OR_FRESH = st.sampled_from(["held", "fresh", "fresh"])
READING_PROOFS = st.sampled_from(["held", "fresh", "fresh", "persistent"])
PAUSES = st.lists(st.sampled_from([0.0, 0.0, 29.5, 30.5]), max_size=3)
"""Seconds before each continuation that follows at once."""
MOSTLY = st.sampled_from([True] * 7 + [False])
PERMISSIONS = st.sampled_from(
    [MC, GA, MC | GA, MC | GA | CM, CM, LBW, ACFG, MC | LBW, MC | GA | CM | LBW | ACFG]
)


@dataclass
class Token:
    """The pinUvAuthToken in use, as §6.5.2.1 and §6.5.3.2 have it."""

    value: bytes
    protocol: int
    permissions: int
    rp_id: str | None
    begun: float
    used: bool = False
    verified: bool = True

    def alive(self, now: float) -> bool:
        return now - self.begun < (600 if self.used else 30)

    def spend(self) -> None:
        self.verified, self.permissions = False, self.permissions & LBW


class Life(RuleBasedStateMachine):
    """A key with a PIN, from its first power-up on."""

    make_key: ClassVar[Any]

    @initialize(with_pin=MOSTLY, owners=st.lists(st.tuples(RP_IDS, USERS), min_size=2, max_size=ROOM))
    def leave_the_factory(self, with_pin: bool, owners: list[tuple[str, bytes]]) -> None:
        self.key = self.make_key(PROFILE)
        self.powered_up = self.key.now
        self.held: Token | None = None  # what the platform believes to have
        self.persistent: bytes | None = None
        self.forget()
        if with_pin:
            self.set_pin(PINS[1], 2)
        for rp_id, user_id in owners:
            self.make(rp_id, user_id, True, "fresh")

    def forget(self) -> None:
        """What a reset does (§6.6)."""
        self.pin: str | None = None
        self.retries, self.mismatches, self.least = RETRIES, 0, 4
        self.must_change = self.always_uv = False
        self.kept: dict[tuple[str, bytes], bytes] = {}  # oldest first
        self.blobs = sha256(b"\x80").digest()[:16]
        self.token: Token | None = None
        self.persistent_is_good = False
        self.begun()

    def begun(self, kind: str = "", rest: list[Any] | None = None, token: Token | None = None) -> None:
        """What a continuation goes on from (§6); any other command ends it."""
        self.rest, self.kind, self.rest_token, self.rest_until = rest or [], kind, token, self.key.now + 30

    # Time and power

    @rule(seconds=st.sampled_from([1.0, 9.0, 21.0, 29.5, 30.5, 299.0, 571.0]))
    def wait(self, seconds: float) -> None:
        self.key.now += seconds

    @rule()
    def power_cycle(self) -> None:
        self.key.power_cycle()
        self.powered_up, self.mismatches, self.token = self.key.now, 0, None
        self.begun()

    @rule(in_vain=MOSTLY, at_once=st.booleans())
    def reset(self, in_vain: bool, at_once: bool) -> None:
        if in_vain:
            self.wait(11.0)
        elif at_once:
            self.power_cycle()
        late = self.key.now - self.powered_up > 10
        assert self.key.command(0x07)[0] == (S.NOT_ALLOWED if late else S.SUCCESS)
        self.begun()
        if not late:
            self.forget()

    # PINs

    def expected_of_pin(self, right: bool) -> CtapStatus | None:
        """What becomes of a PIN that is tried; ``None`` if it is taken (§6.5.5.6, §6.5.5.7)."""
        self.begun()
        if self.pin is None:
            return S.PIN_NOT_SET
        if self.retries == 0:
            return S.PIN_BLOCKED
        if self.mismatches == 3:
            return S.PIN_AUTH_BLOCKED
        if right:
            self.retries, self.mismatches = RETRIES, 0
            return None
        self.retries, self.mismatches = self.retries - 1, self.mismatches + 1
        if self.retries == 0:
            return S.PIN_BLOCKED
        return S.PIN_AUTH_BLOCKED if self.mismatches == 3 else S.PIN_INVALID

    def client(self, protocol: int) -> ClientPin:
        return ClientPin(Ctap2(self.key), PROTOCOLS[protocol])

    @rule(new=st.sampled_from(PINS), protocol=st.sampled_from([1, 2]))
    def set_pin(self, new: str, protocol: int) -> None:
        expected = S.SUCCESS
        if self.pin is not None:
            expected = S.PIN_AUTH_INVALID
        elif len(new) < self.least:
            expected = S.PIN_POLICY_VIOLATION
        assert status(lambda: self.client(protocol).set_pin(new)) == expected
        self.begun()
        if expected == S.SUCCESS:
            self.pin = new

    @rule(
        right=MOSTLY,
        new=st.sampled_from(PINS),
        protocol=st.sampled_from([1, 2]),
    )
    def change_pin(self, right: bool, new: str, protocol: int) -> None:
        old, expected = self.tried(right), self.expected_of_pin(right)
        if expected is None and (len(new) < self.least or (self.must_change and new == self.pin)):
            expected = S.PIN_POLICY_VIOLATION
        assert status(lambda: self.client(protocol).change_pin(old, new)) == (expected or S.SUCCESS)
        if expected is None:
            self.pin, self.must_change, self.token, self.persistent_is_good = new, False, None, False

    @rule(
        right=MOSTLY, permissions=PERMISSIONS, rp_id=RP_IDS,
        protocol=st.sampled_from([1, 2]), old_way=st.sampled_from([False, False, True]),
    )  # fmt: skip
    def get_token(self, right: bool, permissions: int, rp_id: str, protocol: int, old_way: bool) -> None:
        pin, expected = self.tried(right), self.expected_of_pin(right)
        if expected is None and self.must_change:
            expected = S.PIN_INVALID if old_way else S.PIN_POLICY_VIOLATION
        bound = rp_id if permissions & (MC | GA) and not old_way else None
        asked = None if old_way else ClientPin.PERMISSION(permissions)
        value: list[bytes] = []
        found = status(lambda: value.append(self.client(protocol).get_pin_token(pin, asked, bound)))
        assert found == (expected or S.SUCCESS)
        if expected is None:
            given = MC | GA if old_way else permissions
            self.token = self.held = Token(value[0], protocol, given, bound, self.key.now)

    @rule(right=MOSTLY)
    def get_persistent_token(self, right: bool) -> None:
        pin, expected = self.tried(right), self.expected_of_pin(right)
        if expected is None and self.must_change:
            expected = S.PIN_POLICY_VIOLATION
        value: list[bytes] = []
        asked = ClientPin.PERMISSION(PCMR)
        found = status(lambda: value.append(self.client(2).get_pin_token(pin, asked)))
        assert found == (expected or S.SUCCESS)
        if expected is None:
            assert not self.persistent_is_good or value[0] == self.persistent
            self.persistent, self.persistent_is_good = value[0], True

    @rule(times=st.integers(2, 4), power=st.booleans())
    def guess(self, times: int, power: bool) -> None:
        """Wrong PINs in a row, and perhaps the right one after all."""
        for _ in range(times):
            self.get_token(False, GA, "example.com", 1, False)
        if power:
            self.power_cycle()
        self.get_token(True, GA, "example.com", 1, False)

    def tried(self, right: bool) -> str:
        return self.pin if right and self.pin else "000000"

    # What a token is good for

    def authorizes(self, permission: int) -> bool:
        """Whether the platform's token does; one that does has been used."""
        token = self.token
        if token is None or token is not self.held or not token.alive(self.key.now):
            return False
        if not token.permissions & permission:
            return False
        token.used = True
        return True

    def proof(self, message: bytes, members: tuple[int, int]) -> dict[int, Any]:
        value, protocol = (self.held.value, self.held.protocol) if self.held else (bytes(32), 2)
        return {members[0]: PROTOCOLS[protocol].authenticate(value, message), members[1]: protocol}

    def renew(self, proof: str, permissions: int, rp_id: str) -> None:
        """Get a token now, if that is the proof and there is a PIN to get it by."""
        if proof == "fresh" and self.pin is not None:
            self.get_token(True, permissions, rp_id, 2, False)
        if proof == "persistent" and self.pin is not None and self.persistent is None:
            self.get_persistent_token(True)

    def verify(self, proof: str, permission: int, rp_id: str) -> tuple[CtapStatus | None, bool]:
        """A refusal, and whether the user is verified (§6.1.2 step 11, §6.2.2 step 6)."""
        if proof == "none" or self.pin is None:
            return None, False
        if not self.authorizes(permission):
            return S.PIN_AUTH_INVALID, False
        assert self.token is not None
        if not self.token.verified or self.token.rp_id not in (None, rp_id):
            return S.PIN_AUTH_INVALID, False
        self.token.rp_id = rp_id
        return None, True

    # Credentials

    @rule(rp_id=RP_IDS, user_id=USERS, keep=st.booleans(), proof=PROOFS)
    def make(self, rp_id: str, user_id: bytes, keep: bool, proof: str) -> None:
        self.renew(proof, MC | LBW, rp_id)
        self.begun()
        request = self.key.creation(rp_id=rp_id, user_id=user_id, **({"rk": True} if keep else {}))
        if proof != "none":
            request |= self.proof(request[1], (8, 9))
        expected, verified = None, False
        if (self.always_uv and (proof == "none" or self.pin is None)) or (
            self.pin is not None and proof == "none" and keep
        ):
            expected = S.PUAT_REQUIRED
        else:
            expected, verified = self.verify(proof, MC, rp_id)
            if expected is None and verified and self.token:
                self.token.spend()
            if expected is None and keep and len(self.kept) == ROOM and (rp_id, user_id) not in self.kept:
                expected = S.KEY_STORE_FULL
        found, response = self.key.command(0x01, request)
        assert found == (expected or S.SUCCESS)
        if expected is None:
            data = AuthenticatorData(response[2])
            assert (data.is_user_present(), data.is_user_verified()) == (True, verified)
            if keep:
                self.kept.pop((rp_id, user_id), None)
                self.kept[rp_id, user_id] = data.credential_data.credential_id

    @rule(
        rp_id=RP_IDS,
        proof=PROOFS,
        pauses=PAUSES,
        up=st.sampled_from([True, True, False]),
        listed=st.booleans(),
    )
    def get(self, rp_id: str, proof: str, up: bool, listed: bool, pauses: list[float]) -> None:
        self.renew(proof, GA | LBW, rp_id)
        self.begun()
        users = [user for rp, user in reversed(self.kept) if rp == rp_id]
        allow = [self.kept[rp_id, user] for user in users] or [bytes(32)] if listed else None
        request = self.key.assertion(rp_id=rp_id, allow=allow, up=up)
        if proof != "none":
            request |= self.proof(request[2], (6, 7))
        verified = False
        expected: CtapStatus | None = S.PUAT_REQUIRED
        if not (self.always_uv and up and (proof == "none" or self.pin is None)):
            expected, verified = self.verify(proof, GA, rp_id)
            expected = expected or (None if users else S.NO_CREDENTIALS)
        found, response = self.key.command(0x02, request)
        assert found == (expected or S.SUCCESS)
        if expected is not None:
            return
        token = self.token if verified else None
        if token is not None and up:
            token.spend()
        data = AuthenticatorData(response[2])
        assert (data.is_user_present(), data.is_user_verified()) == (up, verified)
        assert response[4]["id"] == users[0]
        several = len(users) > 1 and not listed
        assert response.get(5) == (len(users) if several else None)
        if several:
            self.begun("assertions", users[1:], token)
            for pause in pauses:
                self.wait(pause)
                self.get_next()

    def goes_on(self, kind: str) -> Any:
        """What comes next, if anything (§6, stateful commands)."""
        late = self.key.now > self.rest_until
        lost = self.rest_token is not None and not self.rest_token.alive(self.key.now)
        if self.kind != kind or not self.rest or late or lost:
            self.begun()
            return None
        following, rest = self.rest[0], self.rest[1:]
        self.begun(kind, rest, self.rest_token)
        return following

    @rule()
    def get_next(self) -> None:
        user = self.goes_on("assertions")
        found, response = self.key.command(0x08)
        assert found == (S.NOT_ALLOWED if user is None else S.SUCCESS)
        assert user is None or response[4]["id"] == user

    @rule(acts=ACTS, rp_id=RP_IDS, permissions=st.sampled_from([MC | GA | CM | LBW | ACFG, CM | LBW | ACFG]))
    def sit_down_with_a_token(self, acts: list[tuple[str, float]], rp_id: str, permissions: int) -> None:
        """One token for several things, with time in between."""
        self.renew("fresh", permissions, rp_id)
        for act, pause in acts:
            self.wait(pause)
            match act:
                case "make":
                    self.make(rp_id, b"a", True, "held")
                case "get":
                    self.get(rp_id, "held", True, False, [pause, 0.0])
                case "get quietly":
                    self.get(rp_id, "held", False, True, [])
                case "count":
                    self.count("held")
                case "enumerate":
                    self.enumerate_credentials("held", rp_id, [pause])
                case "write":
                    self.write_blobs(b"held", "held")
                case "configure":
                    self.set_min_pin_length(4, False, "held")

    # Credential management

    def manage(
        self, sub_command: int, params: dict[int, Any] | None, reads: bool, rp_id: str | None, by: str
    ) -> tuple[CtapStatus | None, dict[int, Any]]:
        """The refusal to expect, and the request."""
        self.renew(by, CM, "")
        self.begun()
        message = bytes((sub_command,)) + (cbor.encode(params) if params else b"")
        request: dict[int, Any] = {1: sub_command} | ({2: params} if params else {})
        if by == "persistent":
            value = self.persistent or bytes(32)
            proof = {4: PROTOCOLS[2].authenticate(value, message), 3: 2}
            return (None if reads and self.persistent_is_good else S.PIN_AUTH_INVALID), request | proof
        fits = self.authorizes(CM) and self.token is not None and self.token.rp_id in (None, rp_id)
        return (None if fits else S.PIN_AUTH_INVALID), request | self.proof(message, (4, 3))

    @rule(by=READING_PROOFS)
    def count(self, by: str) -> None:
        expected, request = self.manage(1, None, True, "", by)
        found, response = self.key.command(0x0A, request)
        assert found == (expected or S.SUCCESS)
        assert expected or response == {1: len(self.kept), 2: ROOM - len(self.kept)}

    @rule(by=READING_PROOFS, pauses=PAUSES)
    def enumerate_relying_parties(self, by: str, pauses: list[float]) -> None:
        expected, request = self.manage(2, None, True, "", by)
        rp_ids = list(dict.fromkeys(rp_id for rp_id, _ in self.kept))
        expected = expected or (None if rp_ids else S.NO_CREDENTIALS)
        found, response = self.key.command(0x0A, request)
        assert found == (expected or S.SUCCESS)
        if expected is None:
            assert response[5] == len(rp_ids)
            rest = [rp_id for rp_id in rp_ids if rp_id != response[3]["id"]]
            self.begun("relying parties", rest, None if by == "persistent" else self.token)
            for pause in pauses:
                self.wait(pause)
                self.enumerate_next(("relying parties", 3))

    @rule(by=READING_PROOFS, rp_id=RP_IDS, pauses=PAUSES)
    def enumerate_credentials(self, by: str, rp_id: str, pauses: list[float]) -> None:
        expected, request = self.manage(4, {1: sha256(rp_id.encode()).digest()}, True, rp_id, by)
        users = [user for rp, user in reversed(self.kept) if rp == rp_id]
        expected = expected or (None if users else S.NO_CREDENTIALS)
        found, response = self.key.command(0x0A, request)
        assert found == (expected or S.SUCCESS)
        if expected is None:
            assert (response[9], response[6]["id"]) == (len(users), users[0])
            self.begun("credentials", users[1:], None if by == "persistent" else self.token)
            for pause in pauses:
                self.wait(pause)
                self.enumerate_next(("credentials", 5))

    @rule(what=st.sampled_from([("relying parties", 3), ("credentials", 5)]))
    def enumerate_next(self, what: tuple[str, int]) -> None:
        kind, sub_command = what
        following = self.goes_on(kind)
        found, response = self.key.command(0x0A, {1: sub_command})
        assert found == (S.NOT_ALLOWED if following is None else S.SUCCESS)
        if following is not None:
            assert following == (response[3]["id"] if sub_command == 3 else response[6]["id"])

    @precondition(lambda self: self.kept)
    @rule(data=st.data(), by=READING_PROOFS)
    def delete(self, data: st.DataObject, by: str) -> None:
        owner = data.draw(st.sampled_from(list(self.kept)))
        params = {2: {"id": self.kept[owner], "type": "public-key"}}
        expected, request = self.manage(6, params, False, owner[0], by)
        assert self.key.command(0x0A, request)[0] == (expected or S.SUCCESS)
        if expected is None:
            del self.kept[owner]

    # Blobs and settings

    @rule(content=st.binary(max_size=20), proof=HELD_OR_FRESH)
    def write_blobs(self, content: bytes, proof: str) -> None:
        self.renew(proof, LBW, "")
        self.begun()
        checksum = sha256(content + b"\x80").digest()[:16]
        array = content + b"\x80" + checksum
        request = {2: array, 3: 0, 4: len(array)}
        message = b"\xff" * 32 + b"\x0c\x00" + bytes(4) + sha256(array).digest()
        expected = None
        if self.pin is not None or self.always_uv:
            request |= self.proof(message, (5, 6))
            expected = None if self.authorizes(LBW) else S.PIN_AUTH_INVALID
        assert self.key.command(0x0C, request)[0] == (expected or S.SUCCESS)
        self.blobs = self.blobs if expected else checksum

    def configure(self, sub_command: int, params: dict[int, Any] | None = None) -> CtapStatus:
        request: dict[int, Any] = {1: sub_command} | ({2: params} if params else {})
        message = b"\xff" * 32 + bytes((0x0D, sub_command)) + (cbor.encode(params) if params else b"")
        return self.key.command(0x0D, request | self.proof(message, (4, 3)))[0]

    @rule(proof=HELD_OR_FRESH)
    def toggle_always_uv(self, proof: str) -> None:
        self.renew(proof, ACFG, "")
        self.begun()
        expected = None
        if self.pin is not None:
            expected = None if self.authorizes(ACFG) else S.PIN_AUTH_INVALID
        assert self.configure(2) == (expected or S.SUCCESS)
        self.always_uv ^= expected is None

    @rule(
        length=st.sampled_from([4, 4, 5, 6, 7]),
        demand=st.sampled_from([False, False, True]),
        proof=HELD_OR_FRESH,
    )
    def set_min_pin_length(self, length: int, demand: bool, proof: str) -> None:
        self.renew(proof, ACFG, "")
        self.begun()
        expected = None
        if self.pin is not None or self.always_uv:
            expected = None if self.authorizes(ACFG) else S.PIN_AUTH_INVALID
        if expected is None and length < self.least:
            expected = S.PIN_POLICY_VIOLATION
        if expected is None and demand and self.pin is None:
            expected = S.PIN_NOT_SET
        assert self.configure(3, {1: length, 3: demand}) == (expected or S.SUCCESS)
        if expected is None:
            self.least = length
            self.must_change |= self.pin is not None and (demand or len(self.pin) < length)
            if self.must_change:
                self.token, self.persistent_is_good = None, False

    @rule()
    def get_info(self) -> None:
        self.begun()
        info = Ctap2(self.key).info
        known = {"clientPin": self.pin is not None, "alwaysUv": self.always_uv}
        known |= {"makeCredUvNotRqd": not self.always_uv}
        assert {option: info.options[option] for option in known} == known
        assert (info.min_pin_length, info.force_pin_change) == (self.least, self.must_change)
        assert info.remaining_disc_creds == ROOM - len(self.kept)
        if self.persistent_is_good:
            assert info.get_identifier(self.persistent)

    @rule()
    def get_retries(self) -> None:
        self.begun()
        found, response = self.key.command(0x06, {2: 1})
        assert found == (S.PIN_NOT_SET if self.pin is None else S.SUCCESS)
        assert self.pin is None or response == {3: self.retries, 4: self.mismatches == 3}

    @invariant()
    def the_store_holds_what_the_model_does(self) -> None:
        snapshot = self.key.snapshot()
        kept = {(each.rp_id, each.user_id): each.credential_id for each in snapshot.credentials}
        assert list(kept.items()) == list(self.kept.items())
        assert snapshot.user_verification.pin_retries == self.retries
        assert snapshot.large_blob_array[-16:] == self.blobs


def status(act: Any) -> CtapStatus:
    try:
        act()
    except CtapError as refused:
        return CtapStatus(refused.code)
    return S.SUCCESS


def test_any_life_of_a_key_goes_as_the_specification_says(make_key) -> None:
    """§6.1 to §6.3, §6.5, §6.6, §6.8, §6.10, §6.11, §7.2."""
    machine = type("Machine", (Life,), {"make_key": staticmethod(make_key)})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=60, stateful_step_count=30, deadline=None)
    )
