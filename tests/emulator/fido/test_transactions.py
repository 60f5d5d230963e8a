"""What a command writes it writes at once: commits are counted on a store in a file."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fido2.ctap import CtapError
from fido2.ctap2 import Config, CredentialManagement, Ctap2, FPBioEnrollment, LargeBlobs
from fido2.ctap2.pin import ClientPin, PinProtocolV2

from emulator.fido import cbor
from emulator.fido.ctap2.client_pin import SubCommand as Pin
from emulator.fido.gesture import Gesture
from emulator.fido.status import CtapStatus
from emulator.profile import Profile
from emulator.sqlite_store import SqliteStore

MAKE, GET, PIN, RESET, NEXT, BIO, MANAGEMENT, LARGE_BLOBS, CONFIG = 1, 2, 6, 7, 8, 9, 10, 12, 13
CHANGED = "654321"

# A PIN's retry is written before the PIN is compared: that write is one more.
COMPARES_A_PIN = {
    (PIN, Pin.CHANGE_PIN),
    (PIN, Pin.GET_PIN_TOKEN),
    (PIN, Pin.GET_TOKEN_USING_PIN),
}


class Counted:
    """A key on a store in a file, and how often each command made the store commit."""

    def __init__(self, make_key: Callable, path: Path, profile: Profile) -> None:
        self.path = path
        self.store = SqliteStore(path, serial_number="1", random_bytes=os.urandom)
        self.key = make_key(profile, store=self.store)
        self.commits = 0
        self.of: defaultdict[tuple[int, int | None], set[int]] = defaultdict(set)
        self.store._file.db.set_trace_callback(self._traced)
        self._send, self.key.send = self.key.send, self.send
        self.ctap2 = Ctap2(self.key)
        self.pin = ClientPin(self.ctap2)

    def _traced(self, statement: str) -> None:
        self.commits += statement == "COMMIT"

    def send(self, message: bytes) -> bytes:
        before = self.commits
        answer = self._send(message)
        given = cbor.decode(message[1:], 6) if message[1:] else {}
        sub_command = {PIN: 2, BIO: 2, MANAGEMENT: 1, CONFIG: 1}.get(message[0])
        self.of[message[0], given.get(sub_command)].add(self.commits - before)
        return answer

    def token(self, permissions: ClientPin.PERMISSION, rp_id: str | None = None, pin: str = CHANGED) -> bytes:
        return self.pin.get_pin_token(pin, permissions, rp_id)


@pytest.fixture
def counted(make_key: Callable, tmp_path: Path) -> Iterator[Callable[..., Counted]]:
    made = []

    def make(name: str, **changes: object) -> Counted:
        profile = replace(Profile.load(name), **changes)
        made.append(Counted(make_key, tmp_path / f"{name}.db", profile))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


def use_everything(counted: Counted) -> None:
    """Every command that can write, by python-fido2; PINs right and wrong."""
    key, ctap2, pin, permission = counted.key, counted.ctap2, counted.pin, ClientPin.PERMISSION
    pin.set_pin("123456")
    with pytest.raises(CtapError):
        pin.change_pin("000000", CHANGED)
    with pytest.raises(CtapError):
        pin.change_pin("123456", "1234")
    pin.change_pin("123456", CHANGED)
    pin.get_pin_token(CHANGED)
    counted.token(permission.PERSISTENT_CREDENTIAL_MGMT)
    protocol = PinProtocolV2()
    for user in (b"alice", b"bob"):
        token = counted.token(permission.MAKE_CREDENTIAL, "example.com")
        assert key.make(user_id=user, rk=True, token=token)[0] == CtapStatus.SUCCESS
    token = counted.token(permission.GET_ASSERTION, "example.com")
    assert key.get(token=token)[0] == CtapStatus.SUCCESS
    assert key.command(NEXT)[0] == CtapStatus.SUCCESS
    token = counted.token(permission.CREDENTIAL_MGMT)
    management = CredentialManagement(ctap2, protocol, token)
    alice, bob = ({"type": "public-key", "id": c.credential_id} for c in key.snapshot().credentials)
    management.update_user_info(alice, {"id": b"alice", "name": "Alice"})
    management.delete_cred(bob)
    LargeBlobs(ctap2, protocol, counted.token(permission.LARGE_BLOB_WRITE)).write_blob_array([b"blob"])
    config = Config(ctap2, protocol, counted.token(permission.AUTHENTICATOR_CFG))
    config.toggle_always_uv()
    config.toggle_always_uv()
    config.set_min_pin_length(
        min_pin_length=8, rp_ids=["example.com"], force_change_pin=True, pin_complexity_policy=True
    )
    key.command(RESET)


def test_every_command_is_one_transaction_and_pays_for_a_pin_in_one_of_its_own(
    counted: Callable[..., Counted],
) -> None:
    one = counted("ctap23", min_pin_length=6)
    use_everything(one)
    assert {code for code, _ in one.of} >= {MAKE, GET, PIN, RESET, NEXT, MANAGEMENT, LARGE_BLOBS, CONFIG}
    comparing = {command: one.of.pop(command) for command in COMPARES_A_PIN & one.of.keys()}
    assert len(comparing) >= 2
    assert set().union(*comparing.values()) == {1, 2}  # a wrong one gets nothing back
    assert {command: counts for command, counts in one.of.items() if max(counts) > 1} == {}
    assert one.of[CONFIG, 3] == one.of[RESET, None] == one.of[PIN, Pin.SET_PIN] == {1}


def test_a_finger_s_retry_is_a_transaction_and_what_it_allows_another(
    counted: Callable[..., Counted],
) -> None:
    one = counted("biometric")
    one.pin.set_pin(CHANGED)
    token = one.token(ClientPin.PERMISSION.BIO_ENROLL)
    enrolling = FPBioEnrollment(one.ctap2, PinProtocolV2(), token).enroll()
    while enrolling.capture() is None:
        pass
    one.key.fingers.extend([False, True])
    assert one.key.make(rk=True, uv=True)[0] == CtapStatus.SUCCESS
    assert one.key.asked[-2:] == [Gesture.VERIFICATION] * 2
    assert one.of[MAKE, None] == {3}  # the one lost, the one given back, the credential
    assert {max(counts) for (code, _), counts in one.of.items() if code == BIO} <= {0, 1}


def test_an_interrupted_transaction_leaves_nothing_behind(counted: Callable[..., Counted]) -> None:
    """The last of setMinPINLength's writes fails: none is there, nor when the file is opened again."""
    one = counted("ctap23")
    before = one.key.snapshot()
    one.store._file.db.execute(
        "CREATE TEMP TRIGGER full BEFORE INSERT ON state WHEN NEW.name = 'user verification' "
        "BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    parameters = {1: 3, 2: {1: 6, 2: ["example.com"]}}
    with pytest.raises(Exception, match="no"):
        one.key.command(CONFIG, parameters)
    assert one.key.snapshot() == before
    one.store._file.db.execute("DROP TRIGGER full")
    one.store.close()
    again = SqliteStore(one.path, serial_number="1", random_bytes=os.urandom)
    assert again.snapshot() == before
    again.close()
