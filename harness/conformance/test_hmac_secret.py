"""hmac-secret and hmac-secret-mc, which WebAuthn calls prf (CTAP 2.3 §12.7, §12.8)."""

from __future__ import annotations

from typing import Any

import pytest

from harness.conformance.ceremony import Ceremony, Registration, assertion
from harness.conformance.owner import Owner
from harness.conformance.pin import PinAuth
from harness.conformance.probe import CMD, ERR, Probe

pytestmark = [pytest.mark.needs("hmac-secret"), pytest.mark.touches(2)]

SALT, OTHER_SALT = b"s" * 32, b"t" * 32
VERIFIES = pytest.mark.destructive("sets a PIN where there is none")
NAMES = {1: "pin-protocol-one", 2: "pin-protocol-two"}
REQUESTED = {"hmac-secret": True}


@pytest.fixture
def registration(ceremony: Ceremony) -> Registration:
    return ceremony.register(extensions=REQUESTED)


@pytest.fixture
def auth(probe: Probe) -> PinAuth:
    """The key's preferred PIN/UV auth protocol, for its key agreement."""
    return PinAuth(probe, probe.info[6][0])


each_protocol = pytest.mark.parametrize(
    "version",
    [
        pytest.param(version, id=f"protocol-{version}", marks=pytest.mark.needs(NAMES[version]))
        for version in NAMES
    ],
)


def _salted(auth: PinAuth, *salts: bytes) -> tuple[dict[int, Any], bytes]:
    """The extension's input, and the shared secret that its output comes under."""
    ours, secret = auth.agree()
    encrypted = auth.protocol.encrypt(secret, b"".join(salts))
    given = {1: ours, 2: encrypted, 3: auth.authenticate(secret, encrypted), 4: auth.version}
    return given, secret


def _secrets(
    ceremony: Ceremony, auth: PinAuth, registration: Registration, *salts: bytes, bare: bool = False
) -> bytes:
    """What the credential makes of the salts."""
    given, secret = _salted(auth, *salts)
    answer = ceremony.get(allow=[registration], extensions={"hmac-secret": given}, bare=bare)
    found = assertion(answer)
    found.verify(registration)
    outputs = found.auth_data.extensions or {}
    assert "hmac-secret" in outputs, "the assertion has no output of hmac-secret"
    return auth.protocol.decrypt(secret, outputs["hmac-secret"])


# The outputs.


@pytest.mark.spec("EXT-HMAC-01", "CTAP 2.3 §12.7")
@pytest.mark.touches(1)
@pytest.mark.catches("hmac-creation-unsaid")
def test_creation_says_so(registration: Registration) -> None:
    """A credential that was made with hmac-secret says so."""
    assert registration.auth_data.extensions == REQUESTED


@pytest.mark.spec("EXT-HMAC-02", "CTAP 2.3 §12.7")
@pytest.mark.catches("hmac-short", "hmac-missing")
@each_protocol
def test_one_salt(probe: Probe, ceremony: Ceremony, registration: Registration, version: int) -> None:
    """One salt gives one secret of 32 bytes, by either PIN/UV auth protocol."""
    assert len(_secrets(ceremony, PinAuth(probe, version), registration, SALT)) == 32


@pytest.mark.spec("EXT-HMAC-03", "CTAP 2.3 §12.7")
@pytest.mark.touches(4)
@pytest.mark.catches("hmac-first-salt-only", "hmac-swapped")
def test_two_salts(ceremony: Ceremony, auth: PinAuth, registration: Registration) -> None:
    """Two salts give the secrets of both, in their order.

    So a platform changes a salt: it decrypts by the old secret and encrypts by the new one.
    """
    single = [_secrets(ceremony, auth, registration, salt) for salt in (SALT, OTHER_SALT)]
    assert _secrets(ceremony, auth, registration, SALT, OTHER_SALT) == b"".join(single)


@pytest.mark.spec("EXT-HMAC-04", "CTAP 2.3 §12.7")
@pytest.mark.touches(3)
@pytest.mark.catches("hmac-random")
def test_same_salt_same_secret(ceremony: Ceremony, auth: PinAuth, registration: Registration) -> None:
    """The same salt gives the same secret, or what was encrypted under it is lost."""
    assert len({_secrets(ceremony, auth, registration, SALT) for _ in range(2)}) == 1


@pytest.mark.spec("EXT-HMAC-05", "CTAP 2.3 §12.7")
@pytest.mark.touches(3)
@pytest.mark.catches("hmac-salt-ignored")
def test_other_salt_other_secret(ceremony: Ceremony, auth: PinAuth, registration: Registration) -> None:
    """Another salt gives another secret."""
    found = {_secrets(ceremony, auth, registration, salt) for salt in (SALT, OTHER_SALT)}
    assert len(found) == 2


@pytest.mark.spec("EXT-HMAC-06", "CTAP 2.3 §12.7")
@pytest.mark.touches(4)
@pytest.mark.catches("hmac-same-for-all")
def test_other_credential_other_secret(ceremony: Ceremony, auth: PinAuth) -> None:
    """Each credential has secrets of its own.

    Otherwise one relying party decrypts what another has encrypted.
    """
    made = [ceremony.register(extensions=REQUESTED, user_id=user) for user in (b"one", b"other")]
    assert len({_secrets(ceremony, auth, registration, SALT) for registration in made}) == 2


@pytest.mark.spec("EXT-HMAC-07", "CTAP 2.3 §12.7")
@VERIFIES
@pytest.mark.touches(3)
@pytest.mark.catches("hmac-one-cred-random")
def test_verified_user_has_another_secret(
    probe: Probe, owner: Owner, ceremony: Ceremony, auth: PinAuth
) -> None:
    """With user verification the secret is another than without.

    Who finds the key cannot have the secret that the PIN gives.
    """
    if probe.option("alwaysUv"):
        pytest.skip("needs a key that signs without verifying its user")
    registration = ceremony.register(extensions=REQUESTED)
    found = {_secrets(ceremony, auth, registration, SALT, bare=bare) for bare in (False, True)}
    assert len(found) == 2


@pytest.mark.spec("EXT-HMAC-08", "CTAP 2.3 §12.7")
@pytest.mark.needs(*NAMES.values())
@pytest.mark.touches(3)
@pytest.mark.catches("hmac-by-protocol")
def test_either_protocol_same_secret(probe: Probe, ceremony: Ceremony, registration: Registration) -> None:
    """The secret is the same by both PIN/UV auth protocols: they carry it, and are no part of it."""
    found = {_secrets(ceremony, PinAuth(probe, version), registration, SALT) for version in NAMES}
    assert len(found) == 1


@pytest.mark.spec("EXT-HMAC-09", "CTAP 2.3 §12.7")
@pytest.mark.needs("pin-protocol-one")
@pytest.mark.catches("hmac-protocol-must-be-named")
def test_protocol_one_is_meant_where_none_is_named(
    probe: Probe, ceremony: Ceremony, registration: Registration
) -> None:
    """An input without pinUvAuthProtocol is by protocol one, as it was in CTAP 2.0."""
    auth = PinAuth(probe, 1)
    given, secret = _salted(auth, SALT)
    del given[4]
    found = ceremony.sign_in(registration, extensions={"hmac-secret": given})
    assert len(auth.protocol.decrypt(secret, (found.auth_data.extensions or {})["hmac-secret"])) == 32


@pytest.mark.spec("EXT-HMAC-10", "CTAP 2.3 §6.3, §12.7")
@pytest.mark.needs("rk")
@pytest.mark.destructive("stores credentials")
@pytest.mark.touches(3)
@pytest.mark.catches("hmac-first-only")
def test_next_assertion_has_its_own(probe: Probe, ceremony: Ceremony, auth: PinAuth) -> None:
    """Each further assertion comes with the secret of its own credential."""
    for user in (b"one", b"other"):
        ceremony.register(rk=True, user_id=user, extensions=REQUESTED)
    given, secret = _salted(auth, SALT)
    answers = [ceremony.get(extensions={"hmac-secret": given}), probe.cbor(CMD.GET_NEXT_ASSERTION)]
    outputs = [assertion(answer).auth_data.extensions or {} for answer in answers]
    assert all("hmac-secret" in one for one in outputs), "an assertion has no output of hmac-secret"
    assert len({auth.protocol.decrypt(secret, one["hmac-secret"]) for one in outputs}) == 2


# Inputs that are none.


@pytest.mark.spec("EXT-HMAC-11", "CTAP 2.3 §12.7")
@pytest.mark.catches("hmac-any-salt-length")
@pytest.mark.parametrize("length", [16, 48, 96])
def test_salts_of_another_length(
    ceremony: Ceremony, auth: PinAuth, registration: Registration, length: int
) -> None:
    """Salts that are neither 32 nor 64 bytes are refused with INVALID_LENGTH, not made to fit."""
    given, _ = _salted(auth, b"s" * length)
    answer = ceremony.get(allow=[registration], extensions={"hmac-secret": given})
    answer.refused(ERR.INVALID_LENGTH, ERR.INVALID_PARAMETER)  # CTAP 2.0 names no status


@pytest.mark.spec("EXT-HMAC-12", "CTAP 2.3 §12.7")
@pytest.mark.catches("pin-auth-unchecked")
def test_salts_that_were_changed_on_the_way(
    ceremony: Ceremony, auth: PinAuth, registration: Registration
) -> None:
    """Salts that saltAuth does not fit are refused with PIN_AUTH_INVALID."""
    given, _ = _salted(auth, SALT)
    changed = {**given, 3: bytes(len(given[3]))}
    answer = ceremony.get(allow=[registration], extensions={"hmac-secret": changed})
    answer.refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.catches("ga-refusals-unnamed")
@pytest.mark.touches(1)
@pytest.mark.parametrize(
    "missing",
    [
        pytest.param(1, id="keyAgreement", marks=pytest.mark.spec("EXT-HMAC-13", "CTAP 2.3 §12.7")),
        pytest.param(2, id="saltEnc", marks=pytest.mark.spec("EXT-HMAC-14", "CTAP 2.3 §12.7")),
        pytest.param(3, id="saltAuth", marks=pytest.mark.spec("EXT-HMAC-15", "CTAP 2.3 §12.7")),
    ],
)
def test_missing_parameter(
    ceremony: Ceremony, auth: PinAuth, registration: Registration, missing: int
) -> None:
    """An input without a member that it needs is answered with MISSING_PARAMETER."""
    given, _ = _salted(auth, SALT)
    del given[missing]
    answer = ceremony.get(allow=[registration], extensions={"hmac-secret": given})
    answer.refused(ERR.MISSING_PARAMETER)


@pytest.mark.spec("EXT-HMAC-16", "CTAP 2.3 §12.7")
@pytest.mark.touches(1)
@pytest.mark.catches("hmac-without-presence")
def test_no_secret_without_a_touch(ceremony: Ceremony, auth: PinAuth, registration: Registration) -> None:
    """With ``up`` false no secret is given: UNSUPPORTED_OPTION. A program alone gets none."""
    given, _ = _salted(auth, SALT)
    answer = ceremony.get(allow=[registration], extensions={"hmac-secret": given}, up=False)
    answer.refused(ERR.UNSUPPORTED_OPTION)


# hmac-secret-mc.


@pytest.mark.spec("EXT-HMACMC-01", "CTAP 2.3 §12.8")
@pytest.mark.needs("hmac-secret-mc")
@VERIFIES
@pytest.mark.catches("hmac-mc-other", "hmac-mc-missing")
def test_secret_of_a_new_credential(owner: Owner, ceremony: Ceremony, auth: PinAuth) -> None:
    """The secret that comes with a new credential is the one that it gives ever after."""
    given, secret = _salted(auth, SALT)
    made = ceremony.register(extensions={**REQUESTED, "hmac-secret-mc": given})
    outputs = made.auth_data.extensions or {}
    assert "hmac-secret-mc" in outputs, "the new credential has no output of hmac-secret-mc"
    told = auth.protocol.decrypt(secret, outputs["hmac-secret-mc"])
    assert told == _secrets(ceremony, auth, made, SALT)


@pytest.mark.spec("EXT-HMACMC-02", "CTAP 2.3 §12.8")
@pytest.mark.needs("hmac-secret-mc")
@pytest.mark.touches(0)
@pytest.mark.catches("mc-refusals-unnamed")
def test_secret_of_a_credential_that_has_none(ceremony: Ceremony, auth: PinAuth) -> None:
    """hmac-secret-mc without hmac-secret is answered with MISSING_PARAMETER."""
    given, _ = _salted(auth, SALT)
    ceremony.make(extensions={"hmac-secret-mc": given}).refused(ERR.MISSING_PARAMETER)
