"""Requests are told by their bytes, as the stock client makes them: what they are for, what they change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event

import pytest
from fido2 import cbor
from fido2.ctap import STATUS, CtapDevice
from fido2.ctap1 import Ctap1
from fido2.ctap2 import Ctap2
from fido2.hid import CAPABILITY, CTAPHID

from harness.devices.request import change, polls_for_touch, purpose, tells_of_long_touch, verifies_user

HASH = b"c" * 32
RP, USER = {"id": "example.com", "name": "Example"}, {"id": b"alice", "name": "alice"}
OPTIONS = {"bioEnroll": True, "credMgmt": True}
ES256 = {"type": "public-key", "alg": -7}


class Sent(Exception):  # noqa: N818  # no error, but the end of it
    """A request was sent."""

    def __init__(self, command: int, data: bytes) -> None:
        self.request = command, data


class Wire(CtapDevice):
    """Where every request ends, but for getInfo."""

    capabilities = CAPABILITY.CBOR

    def call(
        self,
        cmd: int,
        data: bytes = b"",
        event: Event | None = None,
        on_keepalive: Callable[[STATUS], None] | None = None,
    ) -> bytes:
        if data == b"\x04":
            return b"\x00" + cbor.encode({1: ["FIDO_2_1"], 3: bytes(16), 4: OPTIONS})
        raise Sent(cmd, data)

    @classmethod
    def list_devices(cls) -> Iterator[CtapDevice]:
        return iter(())


def sent(request: Callable[[Ctap2], object]) -> tuple[int, bytes]:
    with pytest.raises(Sent) as end:
        request(Ctap2(Wire()))
    return end.value.request


CHANGING = {
    "storing a discoverable credential": [
        lambda key: key.make_credential(HASH, RP, USER, [ES256], options={"rk": True}),
    ],
    "setting its PIN": [lambda key: key.client_pin(2, 3), lambda key: key.client_pin(1, 4)],
    "a reset": [lambda key: key.reset()],
    "changing its fingerprints": [
        lambda key, sub_cmd=sub_cmd: key.bio_enrollment(1, sub_cmd) for sub_cmd in (1, 2, 5, 6)
    ],
    "changing its credentials": [lambda key: key.credential_mgmt(6), lambda key: key.credential_mgmt(7)],
    "writing large blobs": [lambda key: key.large_blobs(0, set=b"blob", length=4)],
    "changing its configuration": [lambda key, sub_cmd=sub_cmd: key.config(sub_cmd) for sub_cmd in (1, 2, 3)],
}
HARMLESS = [
    lambda key: key.make_credential(HASH, RP, USER, [ES256]),
    lambda key: key.make_credential(HASH, RP, USER, [ES256], options={"uv": True, "rk": False}),
    lambda key: key.get_assertion("example.com", HASH),
    lambda key: key.get_next_assertion(),
    lambda key: key.selection(),
    lambda key: key.large_blobs(0, get=100),
    *(lambda key, sub_cmd=sub_cmd: key.client_pin(2, sub_cmd) for sub_cmd in (1, 2, 5, 6, 7, 9)),
    *(lambda key, sub_cmd=sub_cmd: key.credential_mgmt(sub_cmd) for sub_cmd in (1, 2, 3, 4, 5)),
    *(lambda key, sub_cmd=sub_cmd: key.bio_enrollment(1, sub_cmd) for sub_cmd in (4, 7)),
    lambda key: key.bio_enrollment(get_modality=True),
    lambda key: Ctap1(key.device).get_version(),
    lambda key: Ctap1(key.device).register(HASH, HASH),
    lambda key: Ctap1(key.device).authenticate(HASH, HASH, b"handle"),
    lambda key: key.device.call(CTAPHID.PING, b"\x07"),
    lambda key: key.device.call(CTAPHID.MSG, bytes.fromhex("00a4040008a0000006472f0001")),
]


@pytest.mark.parametrize(
    ("what", "request_"), [(what, request) for what, requests in CHANGING.items() for request in requests]
)
def test_what_changes_a_key_is_told(what: str, request_: Callable[[Ctap2], object]) -> None:
    assert change(*sent(request_)) == what


@pytest.mark.parametrize("request_", HARMLESS)
def test_what_leaves_a_key_as_it_was_is_told_apart(request_: Callable[[Ctap2], object]) -> None:
    assert change(*sent(request_)) is None


@pytest.mark.parametrize(
    ("command", "data", "what"),
    [
        (CTAPHID.CBOR, "42", "command 0x42"),
        (CTAPHID.CBOR, "01", "storing a discoverable credential"),
        (CTAPHID.CBOR, "01a1", "storing a discoverable credential"),
        (CTAPHID.CBOR, "06a10203ff", "setting its PIN"),
        (CTAPHID.CBOR, "0ca2", "writing large blobs"),
        (CTAPHID.CBOR, "0a820106", "changing its credentials"),
        (CTAPHID.MSG, "00400000", "U2F instruction 0x40"),
        (0x40, "", "vendor command 0x40"),
        (0x7F, "00", "vendor command 0x7F"),
    ],
)
def test_what_cannot_be_read_is_taken_to_change_the_key(command: int, data: str, what: str) -> None:
    assert change(command, bytes.fromhex(data)) == what


@pytest.mark.parametrize("data", ["04", "02a1", "08ff", "0b"])
def test_what_cannot_change_the_key_need_not_be_read(data: str) -> None:
    assert change(CTAPHID.CBOR, bytes.fromhex(data)) is None


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (lambda key: key.make_credential(HASH, RP, USER, [ES256]), "to register with example.com"),
        (lambda key: key.get_assertion("example.com", HASH), "to sign in to example.com"),
        (lambda key: key.reset(), "to erase all that is on it"),
        (lambda key: key.client_pin(2, 6), "so that it verifies you"),
        (lambda key: key.selection(), "to go on"),
        (lambda key: Ctap1(key.device).register(HASH, HASH), "to register with a site"),
        (lambda key: Ctap1(key.device).authenticate(HASH, HASH, b"handle"), "to sign in"),
    ],
)
def test_a_person_is_told_what_the_touch_is_for(request_: Callable[[Ctap2], object], why: str) -> None:
    assert purpose(*sent(request_)) == why


def test_u2f_requests_that_wait_for_a_touch_are_polled() -> None:
    def authenticate(check_only: bool) -> tuple[int, bytes]:
        return sent(lambda key: Ctap1(key.device).authenticate(HASH, HASH, b"handle", check_only))

    assert polls_for_touch(*sent(lambda key: Ctap1(key.device).register(HASH, HASH)))
    assert polls_for_touch(*authenticate(False))
    assert not polls_for_touch(*authenticate(True))
    assert not polls_for_touch(*sent(lambda key: Ctap1(key.device).get_version()))
    assert not polls_for_touch(*sent(lambda key: key.selection()))


def test_a_key_that_is_to_verify_its_user_is_told() -> None:
    assert verifies_user(*sent(lambda key: key.client_pin(2, 6)))
    assert verifies_user(*sent(lambda key: key.get_assertion("example.com", HASH, options={"uv": True})))
    assert verifies_user(*sent(HARMLESS[1]))
    assert not verifies_user(*sent(HARMLESS[0]))
    assert not verifies_user(*sent(lambda key: key.client_pin(2, 9)))
    assert not verifies_user(CTAPHID.PING, b"\x01")


@pytest.mark.parametrize(
    ("request_", "answer", "long_touch"),
    [
        (b"\x07", b"\x00", False),
        (b"\x07", b"\x27", None),
        (b"\x0d\xa1\x01\x04", b"\x00", True),
        (b"\x0d\xa1\x01\x02", b"\x00", None),
        (b"\x04", b"\x00\xa1\x18\x18\xf5", True),
        (b"\x04", b"\x00\xa1\x18\x18\xf4", False),
        (b"\x04", b"\x00nonsense", False),
        (b"\x01", b"\x00", None),
        (b"", b"\x00", None),
        (b"\x07", b"", None),
    ],
)
def test_a_key_that_wants_a_long_touch_for_its_reset_is_known_by_what_it_answers(
    request_: bytes, answer: bytes, long_touch: bool | None
) -> None:
    assert tells_of_long_touch(request_, answer) is long_touch
