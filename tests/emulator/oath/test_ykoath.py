"""The applet, judged by yubikit, the library that ykman stands on, and by pyotp."""

from __future__ import annotations

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip(
    "yubikit", reason="missing: pip install '.[test-cards]', which takes swig and libpcsclite-dev"
)

from yubikit.core import TRANSPORT
from yubikit.core.smartcard import ApduError, SmartCardConnection
from yubikit.oath import HASH_ALGORITHM, OATH_TYPE, CredentialData, OathSession

from emulator.card import Card, OathApplet
from emulator.fido.apdu import CommandApdu
from emulator.oath.tlv import Tag, encode
from emulator.oath.ykoath import AID, CAPACITY, Instruction, YkOath
from emulator.random_stream import RandomStream
from emulator.security_key import SecurityKey
from emulator.store import CredentialStore, MemoryStore

NOW = 1_700_000_000
SECRET = b"12345678901234567890"


class Wire(SmartCardConnection):
    """yubikit's way to a card in this process."""

    transport = TRANSPORT.NFC

    def __init__(self, key: SecurityKey, store: CredentialStore) -> None:
        self.key = key
        self.card = Card(key, (OathApplet(YkOath(store, RandomStream("oath")), key),))

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        self.card.receive(apdu, 0.0)
        while not (answers := self.card.packets_to_send()):
            due = self.key.next_timer()
            assert due is not None, "nobody will ever answer"
            self.key.handle_timer(due)
        [answer] = answers
        return answer[:-2], int.from_bytes(answer[-2:], "big")

    def close(self) -> None: ...


@pytest.fixture
def store() -> CredentialStore:
    return MemoryStore()


@pytest.fixture
def key(store: CredentialStore) -> SecurityKey:
    return SecurityKey(seed=1, store=store)


@pytest.fixture
def wire(key: SecurityKey, store: CredentialStore) -> Wire:
    return Wire(key, store)


@pytest.fixture
def session(wire: Wire) -> OathSession:
    return OathSession(wire)


@pytest.fixture
def locked(session: OathSession, wire: Wire) -> OathSession:
    session.set_key(session.derive_key("right"))
    return OathSession(wire)


def data(name: str = "alice", kind: OATH_TYPE = OATH_TYPE.TOTP, **more: object) -> CredentialData:
    values = {"hash_algorithm": HASH_ALGORITHM.SHA1, "secret": SECRET, **more}
    return CredentialData(name=name, oath_type=kind, **values)  # type: ignore[arg-type]  # from here


def test_codes_are_those_of_pyotp(session: OathSession) -> None:
    for algorithm in HASH_ALGORITHM:
        for digits in (6, 7, 8):
            for period in (30, 60):
                put = data(hash_algorithm=algorithm, digits=digits, period=period)
                code = session.calculate_code(session.put_credential(put), NOW)
                judge = pyotp.TOTP(
                    pyotp.random_base32(), digits=digits, digest=algorithm.name.lower(), interval=period
                )
                judge.secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
                assert code.value == judge.at(NOW)


def test_counters_count_from_the_one_that_was_put(session: OathSession) -> None:
    account = session.put_credential(data(kind=OATH_TYPE.HOTP, counter=5))
    judge = pyotp.HOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    assert [session.calculate_code(account).value for _ in range(3)] == [judge.at(n) for n in (5, 6, 7)]


def test_full_response_is_the_whole_hmac(session: OathSession) -> None:
    account = session.put_credential(data(hash_algorithm=HASH_ALGORITHM.SHA512, secret=bytes(200)))
    assert len(session.calculate(account.id, b"any challenge")) == 64


def test_calculate_all_leaves_out_what_costs_a_touch_or_a_count(session: OathSession) -> None:
    session.put_credential(data("plain"))
    session.put_credential(data("minute", period=60))
    session.put_credential(data("touched"), touch_required=True)
    session.put_credential(data("counted", OATH_TYPE.HOTP))
    codes = {account.name: (account, code) for account, code in session.calculate_all(NOW).items()}
    assert {name for name, (_, code) in codes.items() if code} == {"plain", "minute"}
    assert codes["touched"][0].touch_required
    assert codes["counted"][0].oath_type is OATH_TYPE.HOTP


def test_store_that_is_full_says_so_and_still_replaces(session: OathSession) -> None:
    for number in range(CAPACITY):
        session.put_credential(data(f"account {number:02} with quite a long name"))
    with pytest.raises(ApduError, match="NO_SPACE"):
        session.put_credential(data("one more"))
    session.put_credential(data("account 00 with quite a long name", digits=8))
    assert len(session.list_credentials()) == CAPACITY
    assert len(session.calculate_all(NOW)) == CAPACITY


def test_rename_keeps_place_and_secret(session: OathSession) -> None:
    first, second = session.put_credential(data("a")), session.put_credential(data("b"))
    session.rename_credential(first.id, "c", "issuer")
    assert [account.id for account in session.list_credentials()] == [b"issuer:c", b"b"]
    for refused, new in ((b"a", "d"), (b"b", "c")):
        with pytest.raises(ApduError):
            session.rename_credential(refused, new, "issuer")
    session.delete_credential(second.id)
    with pytest.raises(ApduError, match="DATA_INVALID"):
        session.delete_credential(second.id)


def test_password_unlocks_and_both_sides_prove_that_they_know_it(locked: OathSession) -> None:
    with pytest.raises(ApduError, match="SECURITY_CONDITION_NOT_SATISFIED"):
        locked.list_credentials()
    with pytest.raises(ApduError, match="INCORRECT_PARAMETERS"):
        locked.validate(locked.derive_key("wrong"))
    locked.validate(locked.derive_key("right"))
    assert locked.list_credentials() == []
    locked.unset_key()


def test_each_session_must_be_unlocked_by_an_answer_to_its_own_challenge(
    locked: OathSession, wire: Wire
) -> None:
    challenge = locked._challenge
    locked.validate(locked.derive_key("right"))
    again = OathSession(wire)
    assert again.locked
    assert again._challenge != challenge
    again._challenge = challenge
    with pytest.raises(ApduError, match="INCORRECT_PARAMETERS"):
        again.validate(again.derive_key("right"))


def test_power_locks(locked: OathSession, wire: Wire) -> None:
    locked.validate(locked.derive_key("right"))
    wire.card.power_cycle(0.0)
    with pytest.raises(ApduError, match="COMMAND_NOT_ALLOWED"):
        locked.list_credentials()
    assert OathSession(wire).locked


def test_setter_of_a_password_must_know_it(wire: Wire, session: OathSession) -> None:
    key = encode(Tag.KEY, b"\x21" + bytes(16)) + encode(Tag.CHALLENGE, b"c" * 8)
    apdu = CommandApdu(cla=0, ins=Instruction.SET_CODE, data=key + encode(Tag.RESPONSE, bytes(20)))
    assert wire.send_and_receive(apdu.encode()) == (b"", 0x6984)
    assert not OathSession(wire).locked


def test_validate_without_a_password_is_refused(wire: Wire, session: OathSession) -> None:
    proof = encode(Tag.RESPONSE, bytes(20)) + encode(Tag.CHALLENGE, bytes(8))
    apdu = CommandApdu(cla=0, ins=Instruction.VALIDATE, data=proof)
    assert wire.send_and_receive(apdu.encode()) == (b"", 0x6984)


def test_reset_needs_no_password_and_makes_another_device_of_it(locked: OathSession, wire: Wire) -> None:
    before = locked.device_id
    assert wire.send_and_receive(bytes((0, Instruction.RESET, 0xDE, 0xAE, 0)))[1] == 0x6A86
    locked.reset()
    assert locked.device_id != before
    assert not OathSession(wire).locked


def test_touch_is_waited_for_and_without_one_there_is_no_code(session: OathSession, key: SecurityKey) -> None:
    account = session.put_credential(data(), touch_required=True)
    assert session.calculate_code(account, NOW).value
    key.touch_policy = 3.0
    assert session.calculate_code(account, NOW).value
    key.touch_policy = "never"
    with pytest.raises(ApduError, match="SECURITY_CONDITION_NOT_SATISFIED"):
        session.calculate_code(account, NOW)


def test_accounts_outlive_the_applet_and_a_reset_of_fido(
    session: OathSession, key: SecurityKey, store: CredentialStore
) -> None:
    session.put_credential(data())
    assert key.cbor(b"\x07", 0.0) == b"\x00"
    again = OathSession(Wire(SecurityKey(seed=2, store=store), store))
    assert again.device_id == session.device_id
    assert [account.name for account in again.list_credentials()] == ["alice"]


def test_a_snapshot_put_back_is_what_the_applet_knows(session: OathSession, store: CredentialStore) -> None:
    before = store.snapshot()
    session.put_credential(data())
    store.restore(before)
    assert session.list_credentials() == []


INSTRUCTIONS = st.sampled_from([*Instruction, 0x00, 0xC0, 0xFF])
TLVS = st.lists(st.builds(encode, st.sampled_from(Tag), st.binary(max_size=30)), max_size=4).map(b"".join)
CUT = st.builds(lambda whole, end: whole[:end], TLVS, st.integers(0, 60))


@given(
    st.lists(
        st.tuples(INSTRUCTIONS, st.integers(0, 2), st.integers(0, 2), TLVS | CUT | st.binary(max_size=40))
    )
)
def test_whatever_comes_is_answered_with_a_status_word(commands: list[tuple[int, int, int, bytes]]) -> None:
    failures: list[Exception] = []
    store = MemoryStore()
    key = SecurityKey(seed=1, store=store, on_error=failures.append)
    wire = Wire(key, store)
    wire.send_and_receive(CommandApdu(cla=0, ins=0xA4, p1=4, data=AID).encode())
    for ins, p1, p2, sent in commands:
        _, status_word = wire.send_and_receive(CommandApdu(cla=0, ins=ins, p1=p1, p2=p2, data=sent).encode())
        assert status_word >> 8 in (0x90, 0x61, 0x67, 0x69, 0x6A, 0x6D)
    assert failures == []
