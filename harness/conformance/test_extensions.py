"""credBlob, largeBlobKey, minPinLength, pinComplexityPolicy, thirdPartyPayment (CTAP 2.3 §12)."""

from __future__ import annotations

from typing import Any

import pytest

from harness.conformance.ceremony import RP_ID, Assertion, Ceremony, Registration
from harness.conformance.owner import Owner
from harness.conformance.probe import ERR, Probe

pytestmark = pytest.mark.touches(2)

STORES = pytest.mark.destructive("stores credentials")
SETS_POLICY = pytest.mark.destructive(
    "sets a PIN where there is none, and names a relying party that may know of its length"
)

MAX_CRED_BLOB_LENGTH, MIN_PIN_LENGTH, PIN_COMPLEXITY_POLICY = 0x0F, 0x0D, 0x1B
KEY_OF_CREATION, KEY_OF_ASSERTION = 0x05, 0x07
SET_MIN_PIN_LENGTH, RP_IDS = 3, 2
BLOB = b"a credBlob of somebody"


def _outputs(found: Registration | Assertion) -> dict[str, Any]:
    return dict(found.auth_data.extensions or {})


# credBlob.


@pytest.mark.spec("EXT-CREDBLOB-01", "CTAP 2.3 §12.2")
@pytest.mark.needs("credBlob", "rk")
@STORES
@pytest.mark.catches("credblob-unsaid", "credblob-not-kept")
def test_blob_is_kept(ceremony: Ceremony) -> None:
    """A discoverable credential keeps the bytes that its relying party gives it, and says so."""
    registration = ceremony.register(rk=True, extensions={"credBlob": BLOB})
    assert _outputs(registration) == {"credBlob": True}
    assert _outputs(ceremony.sign_in(registration, extensions={"credBlob": True})) == {"credBlob": BLOB}


@pytest.mark.spec("EXT-CREDBLOB-02", "CTAP 2.3 §12.2")
@pytest.mark.needs("credBlob", "rk")
@STORES
@pytest.mark.catches("credblob-unasked")
def test_blob_is_given_to_who_asks(ceremony: Ceremony) -> None:
    """The bytes are given to a relying party that asks for them, and not otherwise."""
    registration = ceremony.register(rk=True, extensions={"credBlob": BLOB})
    assert _outputs(ceremony.sign_in(registration)) == {}


@pytest.mark.spec("EXT-CREDBLOB-03", "CTAP 2.3 §12.2")
@pytest.mark.needs("credBlob", "rk", "info-0x0F")
@STORES
@pytest.mark.catches("credblob-longest-refused", "credblob-not-kept")
def test_longest_blob(probe: Probe, ceremony: Ceremony) -> None:
    """Bytes as many as maxCredBlobLength are kept, all of them."""
    longest = bytes(range(32)) * 32
    longest = longest[: probe.info[MAX_CRED_BLOB_LENGTH]]
    registration = ceremony.register(rk=True, extensions={"credBlob": longest})
    assert _outputs(registration) == {"credBlob": True}
    assert _outputs(ceremony.sign_in(registration, extensions={"credBlob": True}))["credBlob"] == longest


@pytest.mark.spec("EXT-CREDBLOB-04", "CTAP 2.3 §12.2")
@pytest.mark.needs("credBlob", "rk", "info-0x0F")
@STORES
@pytest.mark.touches(1)
@pytest.mark.catches("credblob-claimed", "credblob-cut")
def test_blob_that_is_too_long(probe: Probe, ceremony: Ceremony) -> None:
    """More than maxCredBlobLength bytes are not kept, and the key says so: the credential is made."""
    blob = bytes(probe.info[MAX_CRED_BLOB_LENGTH] + 1)
    assert _outputs(ceremony.register(rk=True, extensions={"credBlob": blob})) == {"credBlob": False}


@pytest.mark.spec("EXT-CREDBLOB-05", "CTAP 2.3 §12.2")
@pytest.mark.needs("credBlob")
@pytest.mark.touches(1)
@pytest.mark.catches("credblob-claimed")
def test_blob_of_what_is_not_kept(ceremony: Ceremony) -> None:
    """A credential that is not discoverable keeps nothing, and says so."""
    assert _outputs(ceremony.register(extensions={"credBlob": BLOB})) == {"credBlob": False}


@pytest.mark.spec("EXT-CREDBLOB-06", "CTAP 2.3 §12.2")
@pytest.mark.needs("credBlob", "rk")
@STORES
@pytest.mark.catches("credblob-empty-unsaid")
def test_no_blob(ceremony: Ceremony) -> None:
    """A credential without such bytes gives none, in so many words: an empty output."""
    registration = ceremony.register(rk=True)
    assert _outputs(ceremony.sign_in(registration, extensions={"credBlob": True})) == {"credBlob": b""}


@pytest.mark.spec("EXT-CREDBLOB-07", "CTAP 2.3 §12.2")
@pytest.mark.needs("credBlob", "rk")
@STORES
@pytest.mark.touches(4)
@pytest.mark.catches("credblob-of-another")
def test_blob_of_each_credential(ceremony: Ceremony) -> None:
    """Each credential gives its own bytes."""
    blobs = {user: b"the blob of " + user for user in (b"one", b"other")}
    made = {
        user: ceremony.register(rk=True, user_id=user, extensions={"credBlob": blob})
        for user, blob in blobs.items()
    }
    for user, registration in made.items():
        found = _outputs(ceremony.sign_in(registration, extensions={"credBlob": True}))
        assert found == {"credBlob": blobs[user]}


# largeBlobKey.


WANTED = {"largeBlobKey": True}


@pytest.mark.spec("EXT-LARGEBLOBKEY-01", "CTAP 2.3 §12.3")
@pytest.mark.needs("largeBlobKey", "rk")
@STORES
@pytest.mark.catches("lbk-missing", "lbk-short", "lbk-other")
def test_key_to_a_large_blob(ceremony: Ceremony) -> None:
    """A credential is made with a key of 32 bytes to its large blob, which every assertion gives again."""
    registration = ceremony.register(rk=True, extensions=WANTED)
    key = registration.members.get(KEY_OF_CREATION, b"")
    assert len(key) == 32
    assert ceremony.sign_in(registration, extensions=WANTED).members.get(KEY_OF_ASSERTION) == key


@pytest.mark.spec("EXT-LARGEBLOBKEY-02", "CTAP 2.3 §12.3")
@pytest.mark.needs("largeBlobKey", "rk")
@STORES
@pytest.mark.catches("lbk-unasked")
def test_key_is_given_to_who_asks(ceremony: Ceremony) -> None:
    """The key to a large blob is given to who asks for it, and not otherwise."""
    registration = ceremony.register(rk=True, extensions=WANTED)
    assert KEY_OF_ASSERTION not in ceremony.sign_in(registration).members


@pytest.mark.spec("EXT-LARGEBLOBKEY-03", "CTAP 2.3 §12.3")
@pytest.mark.needs("largeBlobKey", "rk")
@STORES
@pytest.mark.catches("lbk-same-for-all")
def test_key_of_each_credential(ceremony: Ceremony) -> None:
    """Each credential has a key of its own: the large blobs lie together for all to read."""
    made = [ceremony.register(rk=True, user_id=user, extensions=WANTED) for user in (b"one", b"other")]
    assert len({registration.members[KEY_OF_CREATION] for registration in made}) == 2


@pytest.mark.spec("EXT-LARGEBLOBKEY-04", "CTAP 2.3 §12.3")
@pytest.mark.needs("largeBlobKey", "rk")
@STORES
@pytest.mark.catches("lbk-invented")
def test_key_of_a_credential_without_one(ceremony: Ceremony) -> None:
    """A credential that was made without such a key gives none."""
    registration = ceremony.register(rk=True)
    assert KEY_OF_ASSERTION not in ceremony.sign_in(registration, extensions=WANTED).members


@pytest.mark.spec("EXT-LARGEBLOBKEY-05", "CTAP 2.3 §12.3")
@pytest.mark.needs("largeBlobKey")
@pytest.mark.touches(0)
@pytest.mark.catches("lbk-passed-over", "mc-refusals-unnamed")
@pytest.mark.parametrize(
    ("rk", "wanted"), [(False, True), (True, False)], ids=["not-discoverable", "not-wanted"]
)
def test_key_that_cannot_be(ceremony: Ceremony, rk: bool, wanted: bool) -> None:
    """largeBlobKey is refused with INVALID_OPTION without ``rk``, and where it is false."""
    answer = ceremony.make(rk=rk, extensions={"largeBlobKey": wanted})
    answer.refused(ERR.INVALID_OPTION)


# What relying parties may know of PINs.


def _tell(owner: Owner) -> None:
    """Let the relying party know."""
    owner.configure(SET_MIN_PIN_LENGTH, {RP_IDS: [RP_ID]}).succeeded()


@pytest.mark.spec("EXT-MINPIN-01", "CTAP 2.3 §12.5")
@pytest.mark.needs("minPinLength", "setMinPINLength")
@SETS_POLICY
@pytest.mark.touches(1)
@pytest.mark.catches("minpin-untold")
def test_pin_length_is_told(probe: Probe, owner: Owner, ceremony: Ceremony) -> None:
    """A relying party that setMinPINLength has named is told how long a PIN must be."""
    _tell(owner)
    registration = ceremony.register(extensions={"minPinLength": True})
    assert _outputs(registration) == {"minPinLength": probe.info_now()[MIN_PIN_LENGTH]}


@pytest.mark.spec("EXT-MINPIN-02", "CTAP 2.3 §12.5")
@pytest.mark.needs("minPinLength", "setMinPINLength")
@SETS_POLICY
@pytest.mark.touches(1)
@pytest.mark.catches("minpin-told-everybody")
def test_pin_length_is_not_for_everybody(owner: Owner, ceremony: Ceremony) -> None:
    """A relying party that was not named is told nothing.

    Who knows how long a PIN must be knows something of whose key it is, and of what to guess.
    """
    _tell(owner)
    asked = ceremony.register(rp_id="curious.example", extensions={"minPinLength": True})
    assert _outputs(asked) == {}


@pytest.mark.spec("EXT-MINPIN-03", "CTAP 2.3 §12.5")
@pytest.mark.needs("minPinLength", "setMinPINLength")
@SETS_POLICY
@pytest.mark.touches(1)
@pytest.mark.catches("minpin-unasked")
def test_pin_length_is_told_to_who_asks(owner: Owner, ceremony: Ceremony) -> None:
    """A relying party that does not ask is told nothing either."""
    _tell(owner)
    assert _outputs(ceremony.register()) == {}


@pytest.mark.spec("EXT-COMPLEXITY-01", "CTAP 2.3 §12.6")
@pytest.mark.needs("pinComplexityPolicy", "setMinPINLength")
@SETS_POLICY
@pytest.mark.touches(1)
@pytest.mark.catches("complexity-untold")
def test_complexity_is_told(probe: Probe, owner: Owner, ceremony: Ceremony) -> None:
    """A relying party that setMinPINLength has named is told whether PINs must be complex."""
    _tell(owner)
    registration = ceremony.register(extensions={"pinComplexityPolicy": True})
    assert _outputs(registration) == {"pinComplexityPolicy": probe.info_now()[PIN_COMPLEXITY_POLICY]}


@pytest.mark.spec("EXT-COMPLEXITY-02", "CTAP 2.3 §12.6")
@pytest.mark.needs("pinComplexityPolicy", "setMinPINLength")
@SETS_POLICY
@pytest.mark.touches(1)
@pytest.mark.catches("complexity-told-everybody")
def test_complexity_is_not_for_everybody(owner: Owner, ceremony: Ceremony) -> None:
    """A relying party that was not named is not told whether PINs must be complex."""
    _tell(owner)
    asked = ceremony.register(rp_id="curious.example", extensions={"pinComplexityPolicy": True})
    assert _outputs(asked) == {}


# thirdPartyPayment.


@pytest.mark.spec("EXT-PAYMENT-01", "CTAP 2.3 §12.9")
@pytest.mark.needs("thirdPartyPayment")
@pytest.mark.catches("payment-forgotten")
def test_credential_that_may_pay(ceremony: Ceremony) -> None:
    """Of a credential that others than its relying party may start payments with, the key says so."""
    registration = ceremony.register(extensions={"thirdPartyPayment": True})
    found = _outputs(ceremony.sign_in(registration, extensions={"thirdPartyPayment": True}))
    assert found == {"thirdPartyPayment": True}


@pytest.mark.spec("EXT-PAYMENT-02", "CTAP 2.3 §12.9")
@pytest.mark.needs("thirdPartyPayment")
@pytest.mark.catches("payment-for-everything")
def test_credential_that_may_not_pay(ceremony: Ceremony) -> None:
    """A credential that was not made for payments does not pass for one that was."""
    found = _outputs(ceremony.sign_in(ceremony.register(), extensions={"thirdPartyPayment": True}))
    assert found == {"thirdPartyPayment": False}


@pytest.mark.spec("EXT-PAYMENT-03", "CTAP 2.3 §12.9")
@pytest.mark.needs("thirdPartyPayment")
@pytest.mark.catches("payment-unasked")
def test_payment_is_told_to_who_asks(ceremony: Ceremony) -> None:
    """Who does not ask is not told whether a credential may pay."""
    registration = ceremony.register(extensions={"thirdPartyPayment": True})
    assert _outputs(ceremony.sign_in(registration)) == {}
