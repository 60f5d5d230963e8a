"""The YKOATH applet: accounts, codes, the password (Yubico, YKOATH protocol; RFC 4226, RFC 6238)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator

import pytest

from harness.conformance.card import MORE, OATH, OK, Card, Response
from harness.conformance.probe import Probe

pytestmark = [
    pytest.mark.needs("oath"),
    pytest.mark.destructive("keeps OATH accounts, and deletes them again"),
    pytest.mark.touches(0),
]

PUT, DELETE, SET_CODE, RESET, RENAME = range(1, 6)
LIST, CALCULATE, VALIDATE, CALCULATE_ALL, SEND_REMAINING = range(0xA1, 0xA6)
NAME, LISTED, KEY, CHALLENGE, FULL, TRUNCATED, HOTP_CODE = range(0x71, 0x78)
VERSION, COUNTER, TOUCH_AWAITED = 0x79, 0x7A, 0x7C
HOTP, TOTP, SHA1, SHA256, SHA512 = 0x10, 0x20, 0x01, 0x02, 0x03
HASHES = {SHA1: "sha1", SHA256: "sha256", SHA512: "sha512"}
TOUCH = b"\x78\x02"

LOCKED, NO_SUCH_OBJECT, WRONG_DATA, WRONG_P1_P2, NO_SUCH_INSTRUCTION = 0x6982, 0x6984, 0x6A80, 0x6A86, 0x6D00

DIGITS = b"1234567890"
RFC_4226_SECRET = DIGITS * 2
"""RFC 4226 appendix D, and RFC 6238 appendix B for SHA-1."""
SECRETS = {SHA1: RFC_4226_SECRET, SHA256: (DIGITS * 4)[:32], SHA512: (DIGITS * 7)[:64]}
RFC_6238 = [
    (SHA1, 59, "94287082"), (SHA256, 59, "46119246"), (SHA512, 59, "90693936"),
    (SHA1, 1111111109, "07081804"), (SHA256, 1111111109, "68084774"), (SHA512, 1111111109, "25091201"),
    (SHA1, 20000000000, "65353130"), (SHA256, 20000000000, "77737706"), (SHA512, 20000000000, "47863826"),
]  # fmt: skip
RFC_4226 = [
    "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
]  # fmt: skip

alone_on_the_card = pytest.mark.needs("oath", "several-keys")


class Oath:
    """The applet of a card, selected; the accounts that it is given are forgotten in the end."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self.kept: set[bytes] = set()

    def select(self) -> dict[int, bytes]:
        """What the applet says when it is selected."""
        return dict(parsed(self.card.select(OATH).succeeded()))

    def send(self, ins: int, data: bytes = b"", p1: int = 0, p2: int = 0) -> Response:
        """The whole answer to a command."""
        return self.card.whole(self.card.send(ins, data, p1, p2), ins=SEND_REMAINING)

    def put(self, name: bytes, secret: bytes = RFC_4226_SECRET, kind: int = TOTP | SHA1, **more: int) -> None:
        """Keep an account; the keywords are ``digits``, ``touch``, ``counter``."""
        data = tlv(NAME, name) + tlv(KEY, bytes((kind, more.get("digits", 6))) + secret)
        data += TOUCH if more.get("touch") else b""
        data += tlv(COUNTER, more["counter"].to_bytes(4, "big")) if "counter" in more else b""
        self.send(PUT, data).succeeded()
        self.kept.add(name)

    def calculate(self, name: bytes, step: int = 0, *, truncated: bool = True) -> Response:
        """The answer for one account at a time step."""
        return self.send(CALCULATE, tlv(NAME, name) + tlv(CHALLENGE, step.to_bytes(8, "big")), p2=truncated)

    def code(self, name: bytes, step: int = 0) -> str:
        """The digits of its code."""
        [(tag, value)] = parsed(self.calculate(name, step).succeeded())
        assert tag == TRUNCATED, f"the code is under the tag {tag:02X}"
        number = int.from_bytes(value[1:], "big")
        assert len(value) == 5, f"the code is {value.hex()}, not digits and four bytes"
        assert number < 1 << 31, "the highest bit of the code is not cleared (RFC 4226 §5.3)"
        return str(number % 10 ** value[0]).zfill(value[0])

    def names(self) -> list[bytes]:
        """What is listed, without what the accounts are of."""
        return [value[1:] for tag, value in parsed(self.send(LIST).succeeded()) if tag == LISTED]

    def lock(self, password: bytes) -> bytes:
        """Set a password; the key that it makes."""
        key = hashlib.pbkdf2_hmac("sha1", password, self.select()[NAME], 1000, 16)
        challenge = bytes(range(8))
        proof = tlv(CHALLENGE, challenge) + tlv(FULL, hmac.digest(key, challenge, "sha1"))
        self.send(SET_CODE, tlv(KEY, bytes((TOTP | SHA1,)) + key) + proof).succeeded()
        return key

    def validate(self, key: bytes, challenge: bytes, ours: bytes = b"our own!") -> Response:
        """Prove that we know the password's key, and ask the card to."""
        return self.send(VALIDATE, tlv(FULL, hmac.digest(key, challenge, "sha1")) + tlv(CHALLENGE, ours))


@pytest.fixture
def oath(probe: Probe) -> Iterator[Oath]:
    oath = Oath(Card(probe))
    if CHALLENGE in oath.select():
        pytest.skip("needs a card whose OATH accounts have no password")
    yield oath
    for name in oath.kept:
        oath.send(DELETE, tlv(NAME, name))


def tlv(tag: int, value: bytes) -> bytes:
    """A tag, a length of one byte, the value."""
    return bytes((tag, len(value))) + value


def parsed(data: bytes) -> list[tuple[int, bytes]]:
    """Tags and values; fails if the lengths do not come out even."""
    found = []
    while data:
        assert len(data) >= 2 + data[1], f"{data.hex()} is shorter than it says"
        found.append((data[0], data[2 : 2 + data[1]]))
        data = data[2 + data[1] :]
    return found


# Selection.


@pytest.mark.spec("OATH-SELECT-01", "YKOATH, SELECT")
@pytest.mark.catches("oath-version-unsaid")
def test_select(oath: Oath) -> None:
    """Selected, the applet says its version, three bytes, and the salt that passwords are derived with."""
    said = oath.select()
    assert len(said[VERSION]) == 3
    assert len(said[NAME]) >= 8


@pytest.mark.spec("OATH-SELECT-02", "YKOATH, status words")
@pytest.mark.catches("oath-instruction-unnamed")
def test_unknown_instruction(oath: Oath) -> None:
    """An instruction that the applet does not know is answered with 6D00."""
    oath.send(0x42).refused(NO_SUCH_INSTRUCTION)


# Codes.


@pytest.mark.spec("OATH-TOTP-01", "RFC 6238 appendix B")
@pytest.mark.catches("oath-sign-bit-kept", "oath-digits-six")
@pytest.mark.parametrize(("algorithm", "seconds", "code"), RFC_6238)
def test_totp(oath: Oath, algorithm: int, seconds: int, code: str) -> None:
    """TOTP codes are those of RFC 6238: eight digits, by SHA-1, SHA-256 and SHA-512."""
    oath.put(b"conform:totp", SECRETS[algorithm], TOTP | algorithm, digits=8)
    assert oath.code(b"conform:totp", seconds // 30) == code


@pytest.mark.spec("OATH-TOTP-02", "RFC 6238 §1.2")
@pytest.mark.catches("oath-algorithm-ignored")
@pytest.mark.parametrize("algorithm", [SHA256, SHA512])
def test_algorithm(oath: Oath, algorithm: int) -> None:
    """Untruncated, CALCULATE answers digits and the HMAC of the challenge by the account's algorithm."""
    secret = SECRETS[algorithm]
    oath.put(b"conform:full", secret, TOTP | algorithm)
    expected = hmac.digest(secret, (7).to_bytes(8, "big"), HASHES[algorithm])
    assert parsed(oath.calculate(b"conform:full", 7, truncated=False).succeeded()) == [
        (FULL, b"\x06" + expected)
    ]


@pytest.mark.spec("OATH-HOTP-01", "RFC 4226 appendix D")
@pytest.mark.catches("oath-codes-stuck", "oath-sign-bit-kept")
def test_hotp(oath: Oath) -> None:
    """HOTP codes are those of RFC 4226, one after the other, whatever challenge comes with it."""
    oath.put(b"conform:hotp", kind=HOTP | SHA1)
    assert [oath.code(b"conform:hotp") for _ in RFC_4226] == RFC_4226


@pytest.mark.spec("OATH-HOTP-02", "YKOATH, PUT")
@pytest.mark.catches("oath-counter-ignored")
def test_hotp_counter(oath: Oath) -> None:
    """HOTP begins to count where PUT says."""
    oath.put(b"conform:hotp", kind=HOTP | SHA1, counter=5)
    assert oath.code(b"conform:hotp") == RFC_4226[5]


@pytest.mark.spec("OATH-HOTP-03", "RFC 4226 §7.2")
@pytest.mark.needs("oath", "power-cycle")
@pytest.mark.catches("oath-codes-stuck")
def test_hotp_after_a_power_cycle(probe: Probe, oath: Oath) -> None:
    """A power cycle does not set the count back: a code that is used up would come again."""
    oath.put(b"conform:hotp", kind=HOTP | SHA1)
    codes = [oath.code(b"conform:hotp")]
    probe.power_cycle()
    oath.select()
    assert [*codes, oath.code(b"conform:hotp")] == RFC_4226[:2]


@pytest.mark.spec("OATH-TOUCH-01", "YKOATH, PUT")
@pytest.mark.slow(30)
@pytest.mark.catches("oath-touch-dropped")
def test_code_that_takes_a_touch(probe: Probe, oath: Oath) -> None:
    """An account that was put with the property 02 gives no code untouched: 6982.

    A program on the computer could else sign in whenever it likes.
    """
    oath.put(b"conform:touch", touch=True)
    probe.leave_alone()
    response = oath.calculate(b"conform:touch")
    probe.leave_alone(False)
    response.refused(LOCKED)


@pytest.mark.spec("OATH-ALL-01", "YKOATH, CALCULATE ALL")
@pytest.mark.catches("oath-codes-for-all")
def test_calculate_all(oath: Oath) -> None:
    """CALCULATE ALL gives TOTP codes, and none that take a touch (7C) or would be used up (77)."""
    oath.put(b"conform:totp", digits=8)
    oath.put(b"conform:touch", touch=True)
    oath.put(b"conform:hotp", kind=HOTP | SHA1)
    members = parsed(oath.send(CALCULATE_ALL, tlv(CHALLENGE, (1).to_bytes(8, "big")), p2=1).succeeded())
    found = dict(zip([v for t, v in members if t == NAME], [m for m in members if m[0] != NAME], strict=True))
    assert found[b"conform:totp"] == (TRUNCATED, b"\x08" + (1094287082).to_bytes(4, "big"))  # RFC 4226
    assert [found[name][0] for name in (b"conform:touch", b"conform:hotp")] == [TOUCH_AWAITED, HOTP_CODE]
    assert oath.code(b"conform:hotp") == RFC_4226[0], "the code of HOTP was used up"


# Accounts.


@pytest.mark.spec("OATH-LIST-01", "YKOATH, LIST")
@pytest.mark.catches("oath-lists-twice")
def test_list(oath: Oath) -> None:
    """LIST names each account once, with its kind and algorithm; PUT of the same name replaces it."""
    oath.put(b"conform:one")
    oath.put(b"conform:one", SECRETS[SHA256], TOTP | SHA256)
    listed = [value for tag, value in parsed(oath.send(LIST).succeeded()) if value[1:] == b"conform:one"]
    assert listed == [bytes((TOTP | SHA256,)) + b"conform:one"]


@pytest.mark.spec("OATH-LIST-02", "YKOATH, SEND REMAINING")
@pytest.mark.catches("oath-rest-lost")
def test_long_list(oath: Oath) -> None:
    """An answer too long for one response comes in parts: 61xx, then SEND REMAINING."""
    names = [b"conform:" + bytes((0x61 + number,)) * 50 for number in range(6)]
    for name in names:
        oath.put(name)
    first = oath.card.send(LIST)
    assert first.status_word >> 8 == MORE
    assert {*names} <= {*oath.names()}


@pytest.mark.spec("OATH-DELETE-01", "YKOATH, DELETE")
@pytest.mark.catches("oath-delete-unheard")
def test_delete(oath: Oath) -> None:
    """An account that was deleted is not listed, and gives no code: 6984."""
    oath.put(b"conform:gone")
    oath.send(DELETE, tlv(NAME, b"conform:gone")).succeeded()
    assert b"conform:gone" not in oath.names()
    oath.calculate(b"conform:gone").refused(NO_SUCH_OBJECT)


@pytest.mark.spec("OATH-DELETE-02", "YKOATH, DELETE")
@pytest.mark.catches("oath-deletes-nobody")
def test_delete_nobody(oath: Oath) -> None:
    """An account that is not there is not deleted: 6984."""
    oath.send(DELETE, tlv(NAME, b"conform:nobody")).refused(NO_SUCH_OBJECT)


@pytest.mark.spec("OATH-RENAME-01", "YKOATH, RENAME")
@pytest.mark.catches("oath-rename-unheard")
def test_rename(oath: Oath) -> None:
    """A renamed account gives its codes under the new name alone."""
    _skip_without_rename(oath)
    oath.put(b"conform:old")
    before = oath.code(b"conform:old", 9)
    oath.send(RENAME, tlv(NAME, b"conform:old") + tlv(NAME, b"conform:new")).succeeded()
    oath.kept.add(b"conform:new")
    assert oath.code(b"conform:new", 9) == before
    oath.calculate(b"conform:old").refused(NO_SUCH_OBJECT)


@pytest.mark.spec("OATH-RENAME-02", "YKOATH, RENAME")
@pytest.mark.catches("oath-rename-over")
def test_rename_to_another(oath: Oath) -> None:
    """An account is not given a name that another has: whose code it is would not be clear."""
    _skip_without_rename(oath)
    oath.put(b"conform:one")
    oath.put(b"conform:two")
    oath.send(RENAME, tlv(NAME, b"conform:one") + tlv(NAME, b"conform:two")).refused()
    assert {b"conform:one", b"conform:two"} <= {*oath.names()}


@pytest.mark.spec("OATH-PUT-01", "YKOATH, PUT")
@pytest.mark.catches("oath-data-unnamed")
@pytest.mark.parametrize(
    "data",
    [b"", b"\x71\x08short", tlv(NAME, b"conform:bad") + tlv(KEY, b""), tlv(KEY, b"\x21\x06key")],
    ids=["empty", "cut-short", "no-key", "no-name"],
)
def test_account_that_makes_no_sense(oath: Oath, data: bytes) -> None:
    """What is no account is answered with 6A80."""
    oath.send(PUT, data).refused(WRONG_DATA)


@pytest.mark.spec("OATH-PUT-02", "YKOATH, PUT")
@pytest.mark.catches("oath-digits-any")
@pytest.mark.parametrize("digits", [5, 11])
def test_digits_that_no_code_has(oath: Oath, digits: int) -> None:
    """An account of fewer than six or more than ten digits is refused (RFC 4226 §5.3)."""
    key = tlv(KEY, bytes((TOTP | SHA1, digits)) + RFC_4226_SECRET)
    oath.send(PUT, tlv(NAME, b"conform:digits") + key).refused()
    assert b"conform:digits" not in oath.names()


# The password.


@pytest.mark.spec("OATH-PASSWORD-01", "YKOATH, SET CODE")
@alone_on_the_card
@pytest.mark.catches("oath-password-for-show")
def test_locked(oath: Oath) -> None:
    """With a password set, the applet does nothing before it is said: 6982."""
    oath.put(b"conform:secret")
    oath.lock(b"a password")
    assert len(oath.select()[CHALLENGE]) == 8
    oath.send(LIST).refused(LOCKED)
    oath.calculate(b"conform:secret").refused(LOCKED)
    oath.send(PUT, tlv(NAME, b"conform:more") + tlv(KEY, b"\x21\x06" + RFC_4226_SECRET)).refused(LOCKED)


@pytest.mark.spec("OATH-PASSWORD-02", "YKOATH, VALIDATE")
@alone_on_the_card
@pytest.mark.catches("oath-proof-wrong")
def test_unlock(oath: Oath) -> None:
    """Whoever proves to know the password is let in, and the card proves that it knows it too."""
    key = oath.lock(b"a password")
    answer = parsed(oath.validate(key, oath.select()[CHALLENGE]).succeeded())
    assert answer == [(FULL, hmac.digest(key, b"our own!", "sha1"))]
    assert oath.send(LIST).status_word == OK


@pytest.mark.spec("OATH-PASSWORD-03", "YKOATH, VALIDATE")
@alone_on_the_card
@pytest.mark.catches("oath-any-password")
def test_wrong_password(oath: Oath) -> None:
    """Another password lets nobody in: 6A80."""
    oath.lock(b"a password")
    oath.validate(bytes(16), oath.select()[CHALLENGE]).refused(WRONG_DATA)
    oath.send(LIST).refused(LOCKED)


@pytest.mark.spec("OATH-PASSWORD-04", "YKOATH, VALIDATE")
@alone_on_the_card
@pytest.mark.catches("oath-open-for-ever")
def test_locked_again(oath: Oath) -> None:
    """The next SELECT wants the password again, by another challenge: an answer heard is good once."""
    key = oath.lock(b"a password")
    first = oath.select()[CHALLENGE]
    oath.validate(key, first).succeeded()
    assert oath.select()[CHALLENGE] != first
    oath.send(LIST).refused(LOCKED)


# Reset.


@pytest.mark.spec("OATH-RESET-01", "YKOATH, RESET")
@alone_on_the_card
@pytest.mark.catches("oath-reset-unguarded")
def test_reset_without_its_word(oath: Oath) -> None:
    """RESET without DEAD for P1 and P2 is answered with 6A86, and the accounts stay."""
    oath.put(b"conform:stays")
    oath.send(RESET).refused(WRONG_P1_P2)
    assert oath.names() == [b"conform:stays"]


@pytest.mark.spec("OATH-RESET-02", "YKOATH, RESET")
@alone_on_the_card
@pytest.mark.catches("oath-reset-unheard", "oath-salt-kept")
def test_reset(oath: Oath) -> None:
    """RESET forgets accounts and password, locked or not, and brings another salt."""
    oath.put(b"conform:goes")
    before = oath.select()[NAME]
    oath.lock(b"a password")
    oath.select()
    oath.send(RESET, p1=0xDE, p2=0xAD).succeeded()
    after = oath.select()
    assert after[NAME] != before
    assert CHALLENGE not in after
    assert oath.names() == []


def _skip_without_rename(oath: Oath) -> None:
    if tuple(oath.select()[VERSION]) < (5, 3, 1):
        pytest.skip("needs an applet of version 5.3.1 or later")
