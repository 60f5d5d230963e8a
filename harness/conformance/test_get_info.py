"""authenticatorGetInfo (CTAP 2.3 §6.4), and the canonical CBOR of what it answers (§8)."""

from __future__ import annotations

from typing import Any

import pytest
from fido2 import cbor

from harness.conformance.ceremony import Ceremony
from harness.conformance.probe import CMD, ERR, Probe

pytestmark = [pytest.mark.needs("ctap2"), pytest.mark.touches(0)]

VERSIONS, EXTENSIONS, AAGUID, OPTIONS, MAX_MSG_SIZE, PROTOCOLS, MAX_IN_LIST, MAX_ID_LENGTH = range(1, 9)
TRANSPORTS, ALGORITHMS, MAX_LARGE_BLOBS, FORCE_PIN_CHANGE, MIN_PIN_LENGTH, FIRMWARE = range(9, 15)
MAX_CRED_BLOB, MAX_RP_IDS, REMAINING, FORMATS, ENC_IDENTIFIER = 0x0F, 0x10, 0x14, 0x16, 0x19
MAX_PIN_LENGTH, ENC_STORE_STATE, CONFIG_COMMANDS = 0x1D, 0x1E, 0x1F

KNOWN_VERSIONS = {"U2F_V2", "FIDO_2_0", "FIDO_2_1_PRE", "FIDO_2_1", "FIDO_2_3"}
KNOWN_TRANSPORTS = {"usb", "nfc", "ble", "smart-card", "hybrid", "internal"}
KNOWN_FORMATS = {"packed", "tpm", "android-key", "android-safetynet", "fido-u2f", "apple", "none"}


@pytest.fixture
def info(probe: Probe) -> dict[int, Any]:
    return probe.cbor(CMD.GET_INFO).succeeded()


def _since(info: dict[int, Any], *versions: str) -> bool:
    return bool({*versions} & {*info[VERSIONS]})


def _twice(entries: list[Any]) -> list[Any]:
    return [entry for number, entry in enumerate(entries) if entry in entries[:number]]


# The encoding.


@pytest.mark.spec("CBOR-CANONICAL-01", "CTAP 2.3 §8")
@pytest.mark.catches("info-members-reordered")
def test_members_are_in_order(probe: Probe) -> None:
    """The keys of a map come in canonical order: shorter ones first, then by their bytes."""
    keys = list(cbor.decode_from(probe.cbor(CMD.GET_INFO).data)[0])
    assert keys == sorted(keys)


@pytest.mark.spec("CBOR-CANONICAL-02", "CTAP 2.3 §8")
@pytest.mark.catches("info-longer-head", "info-indefinite-map", "info-members-reordered")
def test_encoding_is_canonical(probe: Probe) -> None:
    """An answer is encoded as CTAP2 canonical CBOR says: each value has one encoding, the shortest."""
    data = probe.cbor(CMD.GET_INFO).data
    try:
        value = cbor.decode(data)
    except ValueError as error:
        raise AssertionError(f"the answer is not CTAP2 canonical CBOR: {error}") from error
    assert cbor.encode(value) == data


@pytest.mark.spec("CBOR-CANONICAL-03", "CTAP 2.3 §8")
@pytest.mark.catches("info-trailing-byte")
def test_nothing_follows(probe: Probe) -> None:
    """An answer ends where its CBOR ends."""
    assert probe.cbor(CMD.GET_INFO).members


@pytest.mark.spec("CBOR-CANONICAL-04", "CTAP 2.3 §6")
@pytest.mark.catches("info-text-key")
def test_members_are_numbered(info: dict[int, Any]) -> None:
    """The members of an answer are named by numbers alone."""
    assert [key for key in info if type(key) is not int or key < 0] == []


# What is asked for.


@pytest.mark.spec("INFO-01", "CTAP 2.3 §6.4")
@pytest.mark.catches("info-wants-touch")
def test_no_touch_is_needed(probe: Probe) -> None:
    """getInfo is answered at once, without a touch: platforms ask every key that they find."""
    probe.leave_alone()
    probe.cbor(CMD.GET_INFO).succeeded()


@pytest.mark.spec("INFO-02", "CTAP 2.3 §6.4")
@pytest.mark.catches("info-flickers")
def test_same_answer_each_time(probe: Probe) -> None:
    """A key to which nothing was done says the same again, but for what is encrypted anew."""

    def told() -> dict[int, Any]:
        members = probe.cbor(CMD.GET_INFO).succeeded()
        return {key: value for key, value in members.items() if key not in (ENC_IDENTIFIER, ENC_STORE_STATE)}

    assert told() == told()


# versions, extensions, aaguid.


@pytest.mark.spec("INFO-VERSIONS-01", "CTAP 2.3 §6.4")
@pytest.mark.catches("info-version-2-2")
def test_versions_exist(info: dict[int, Any]) -> None:
    """A key names versions that exist; there is no FIDO_2_2."""
    assert {*info[VERSIONS]} - KNOWN_VERSIONS == set()


@pytest.mark.spec("INFO-VERSIONS-02", "CTAP 2.3 §6.4")
@pytest.mark.catches("info-no-version")
def test_some_version_of_ctap2(info: dict[int, Any]) -> None:
    """A key that answers getInfo speaks some version of CTAP2."""
    assert any(version.startswith("FIDO_2_") for version in info[VERSIONS])


@pytest.mark.spec("INFO-VERSIONS-03", "CTAP 2.3 §6.4")
@pytest.mark.needs("ctap2", "u2f")
@pytest.mark.catches("info-u2f-denied")
def test_u2f_is_named(probe: Probe, info: dict[int, Any]) -> None:
    """A key that answers U2F's version request names U2F_V2."""
    data, status_word = probe.msg(bytes.fromhex("00030000000000"))
    if status_word == 0x9000 and data == b"U2F_V2":
        assert "U2F_V2" in info[VERSIONS]


@pytest.mark.spec("INFO-VERSIONS-04", "CTAP 2.3 §6.4")
@pytest.mark.catches("info-version-twice")
def test_no_version_twice(info: dict[int, Any]) -> None:
    """No version is named twice."""
    assert _twice(info[VERSIONS]) == []


@pytest.mark.spec("INFO-EXTENSIONS-01", "CTAP 2.3 §6.4")
@pytest.mark.catches("info-extension-twice", "info-extension-unknown")
def test_extensions_are_names(info: dict[int, Any]) -> None:
    """Extensions are named by text of one to 32 characters, each once."""
    extensions = info.get(EXTENSIONS, [])
    assert [name for name in extensions if not (isinstance(name, str) and 1 <= len(name) <= 32)] == []
    assert _twice(extensions) == []


@pytest.mark.spec("INFO-EXTENSIONS-02", "CTAP 2.3 §9")
@pytest.mark.needs("FIDO_2_1", "rk", "pinUvAuthToken")
@pytest.mark.catches("info-no-cred-protect")
def test_cred_protect_where_credentials_are_kept(info: dict[int, Any]) -> None:
    """A CTAP 2.1 key that keeps credentials and verifies its user has credProtect."""
    assert "credProtect" in info.get(EXTENSIONS, [])


@pytest.mark.spec("INFO-AAGUID-01", "CTAP 2.3 §6.4")
@pytest.mark.catches("info-aaguid-short")
def test_length_of_the_aaguid(info: dict[int, Any]) -> None:
    """The AAGUID has 16 bytes."""
    assert isinstance(info[AAGUID], bytes)
    assert len(info[AAGUID]) == 16


@pytest.mark.spec("INFO-AAGUID-02", "CTAP 2.3 §6.1.2")
@pytest.mark.touches(1)
@pytest.mark.catches("info-aaguid-other")
def test_credentials_carry_the_aaguid(info: dict[int, Any], ceremony: Ceremony) -> None:
    """A credential carries the AAGUID that getInfo tells; with U2F's attestation it carries zeros."""
    registration = ceremony.register()
    assert registration.auth_data.credential_data is not None
    expected = bytes(16) if registration.members[1] == "fido-u2f" else info[AAGUID]
    assert bytes(registration.auth_data.credential_data.aaguid) == expected


# options.


@pytest.mark.spec("INFO-OPTIONS-01", "CTAP 2.3 §6.4")
@pytest.mark.catches("info-option-not-boolean", "info-plat-text")
def test_options_are_boolean(info: dict[int, Any]) -> None:
    """Every option is true or false."""
    assert {name: value for name, value in info.get(OPTIONS, {}).items() if type(value) is not bool} == {}


@pytest.mark.spec("INFO-OPTIONS-02", "CTAP 2.3 §6.4")
@pytest.mark.catches("info-up-false")
def test_user_presence_is_there(info: dict[int, Any]) -> None:
    """A security key has user presence: ``up`` is true or left out."""
    assert info.get(OPTIONS, {}).get("up", True) is True


@pytest.mark.spec("INFO-OPTIONS-03", "CTAP 2.3 §6.4")
@pytest.mark.needs("rk")
@pytest.mark.destructive("stores a credential")
@pytest.mark.touches(1)
@pytest.mark.catches("info-rk-lie")
def test_rk_is_the_truth(ceremony: Ceremony) -> None:
    """A key that says ``rk`` makes discoverable credentials."""
    ceremony.register(rk=True)


@pytest.mark.spec("INFO-OPTIONS-04", "CTAP 2.3 §6.4")
@pytest.mark.needs("FIDO_2_1", "clientPin")
@pytest.mark.catches("info-no-token")
def test_pin_uv_auth_token_where_there_are_pins(info: dict[int, Any]) -> None:
    """A CTAP 2.1 key with a PIN gives pinUvAuthTokens with permissions."""
    assert info[OPTIONS].get("pinUvAuthToken") is True


@pytest.mark.spec("INFO-OPTIONS-05", "CTAP 2.3 §9")
@pytest.mark.needs("FIDO_2_1", "rk", "clientPin")
@pytest.mark.catches("info-no-credential-management")
def test_credentials_can_be_managed(info: dict[int, Any]) -> None:
    """A CTAP 2.1 key that keeps credentials, and whose PIN the platform asks for, lets them be managed."""
    assert info[OPTIONS].get("credMgmt") is True


@pytest.mark.spec("INFO-OPTIONS-06", "CTAP 2.3 §6.4")
@pytest.mark.needs("alwaysUv", "makeCredUvNotRqd")
@pytest.mark.catches("info-not-required-and-always")
def test_always_uv_is_always(info: dict[int, Any]) -> None:
    """Where ``alwaysUv`` is true, ``makeCredUvNotRqd`` is not."""
    options = info[OPTIONS]
    assert not (options["alwaysUv"] and options["makeCredUvNotRqd"])


@pytest.mark.spec("INFO-OPTIONS-07", "CTAP 2.3 §6.4")
@pytest.mark.needs("setMinPINLength")
@pytest.mark.catches("info-min-pin-length-alone")
def test_min_pin_length_is_set_by_config(info: dict[int, Any]) -> None:
    """``setMinPINLength`` comes with ``authnrCfg``, whose command it is, and with ``clientPin``."""
    assert info[OPTIONS].get("authnrCfg") is True
    assert "clientPin" in info[OPTIONS]


# The limits.


@pytest.mark.spec("INFO-MAXMSGSIZE-01", "CTAP 2.3 §6.4")
@pytest.mark.catches("info-max-message-small")
def test_messages_of_1024_bytes(info: dict[int, Any]) -> None:
    """A key takes messages of at least 1024 bytes, which is also what is meant where it says nothing."""
    assert info.get(MAX_MSG_SIZE, 1024) >= 1024


@pytest.mark.spec("INFO-MAXMSGSIZE-02", "CTAP 2.3 §6.4")
@pytest.mark.catches("mc-long-messages-taken")
@pytest.mark.needs("ctaphid")
def test_longer_messages_are_refused(probe: Probe, info: dict[int, Any]) -> None:
    """A message longer than maxMsgSize is answered with REQUEST_TOO_LARGE, where the transport carries it."""
    size = info.get(MAX_MSG_SIZE, 1024)
    if size >= 7609:
        pytest.skip("needs a maxMsgSize below what CTAPHID carries")
    probe.cbor(CMD.MAKE_CREDENTIAL, bytes(size)).refused(ERR.REQUEST_TOO_LARGE)


@pytest.mark.spec("INFO-PROTOCOLS-01", "CTAP 2.3 §6.4")
@pytest.mark.needs("clientPin")
@pytest.mark.catches("info-no-pin-protocol")
def test_some_pin_protocol(info: dict[int, Any]) -> None:
    """A key with a PIN names the PIN/UV auth protocols that it speaks."""
    assert info.get(PROTOCOLS)


@pytest.mark.spec("INFO-PROTOCOLS-02", "CTAP 2.3 §6.4")
@pytest.mark.needs("clientPin")
@pytest.mark.catches("info-pin-protocol-twice", "info-pin-protocol-unknown")
def test_pin_protocols_exist(info: dict[int, Any]) -> None:
    """PIN/UV auth protocols are 1 and 2, each named once."""
    assert {*info[PROTOCOLS]} <= {1, 2}
    assert _twice(info[PROTOCOLS]) == []


@pytest.mark.spec("INFO-LISTS-01", "CTAP 2.3 §6.4")
@pytest.mark.needs("info-0x07")
@pytest.mark.catches("info-list-of-none")
def test_lists_hold_something(info: dict[int, Any]) -> None:
    """maxCredentialCountInList is more than zero."""
    assert info[MAX_IN_LIST] > 0


@pytest.mark.spec("INFO-LISTS-02", "CTAP 2.3 §6.4")
@pytest.mark.needs("info-0x08")
@pytest.mark.touches(1)
@pytest.mark.catches("info-credential-id-length")
def test_credential_ids_are_no_longer_than_said(info: dict[int, Any], ceremony: Ceremony) -> None:
    """A credential ID is no longer than maxCredentialIdLength.

    Platforms leave longer ones out of the lists that they send.
    """
    assert len(ceremony.register().credential_id) <= info[MAX_ID_LENGTH]


@pytest.mark.spec("INFO-TRANSPORTS-01", "CTAP 2.3 §6.4")
@pytest.mark.needs("info-0x09")
@pytest.mark.catches("info-transport-twice", "info-transport-unknown")
def test_transports_exist(info: dict[int, Any]) -> None:
    """Transports are named as WebAuthn names them, each once."""
    assert {*info[TRANSPORTS]} - KNOWN_TRANSPORTS == set()
    assert _twice(info[TRANSPORTS]) == []


@pytest.mark.spec("INFO-ALGORITHMS-01", "CTAP 2.3 §6.4")
@pytest.mark.needs("info-0x0A")
@pytest.mark.catches("info-no-algorithm", "info-algorithm-twice")
def test_algorithms_once_each(info: dict[int, Any]) -> None:
    """A key that names its algorithms names at least one, and each once."""
    assert info[ALGORITHMS]
    assert _twice(info[ALGORITHMS]) == []


@pytest.mark.spec("INFO-ALGORITHMS-02", "CTAP 2.3 §6.4")
@pytest.mark.needs("info-0x0A")
@pytest.mark.catches("info-algorithm-type")
def test_algorithms_are_of_public_keys(info: dict[int, Any]) -> None:
    """An algorithm is a map of ``alg`` and ``type``, which is "public-key"."""
    wrong = [
        entry for entry in info[ALGORITHMS] if {*entry} != {"alg", "type"} or entry["type"] != "public-key"
    ]
    assert wrong == []


@pytest.mark.spec("INFO-ALGORITHMS-03", "CTAP 2.3 §6.4")
@pytest.mark.needs("info-0x0A")
@pytest.mark.touches(8)
@pytest.mark.catches("info-algorithm-claimed")
def test_algorithms_are_the_truth(info: dict[int, Any], ceremony: Ceremony) -> None:
    """A key makes credentials with each of the algorithms that it names."""
    for entry in info[ALGORITHMS]:
        assert ceremony.register(algorithms=[entry]).public_key[3] == entry["alg"]


@pytest.mark.spec("INFO-PIN-01", "CTAP 2.3 §6.4")
@pytest.mark.needs("info-0x0D")
@pytest.mark.catches("info-min-pin-length-small")
def test_pins_of_four_characters(info: dict[int, Any]) -> None:
    """A PIN has at least four characters."""
    assert info[MIN_PIN_LENGTH] >= 4


@pytest.mark.spec("INFO-PIN-02", "CTAP 2.3 §6.4")
@pytest.mark.needs("info-0x1D")
@pytest.mark.catches("info-max-pin-length-small")
def test_longest_pin(info: dict[int, Any]) -> None:
    """maxPINLength is at least 8 and at least minPINLength, and at most the 63 bytes that can be sent."""
    assert max(8, info[MIN_PIN_LENGTH]) <= info[MAX_PIN_LENGTH] <= 63


@pytest.mark.spec("INFO-BLOBS-01", "CTAP 2.3 §6.4")
@pytest.mark.needs("largeBlobs")
@pytest.mark.catches("info-large-blobs-small", "info-large-blobs-unsaid")
def test_room_for_large_blobs(info: dict[int, Any]) -> None:
    """A key with large blobs keeps at least 1024 bytes of them, and says how many."""
    assert info.get(MAX_LARGE_BLOBS, 0) >= 1024


@pytest.mark.spec("INFO-BLOBS-02", "CTAP 2.3 §12.2")
@pytest.mark.needs("credBlob")
@pytest.mark.catches("info-cred-blob-small")
def test_room_for_cred_blobs(info: dict[int, Any]) -> None:
    """A key with credBlob keeps at least 32 bytes with each credential."""
    assert info[MAX_CRED_BLOB] >= 32


@pytest.mark.spec("INFO-CONFIG-01", "CTAP 2.3 §6.4")
@pytest.mark.needs("info-0x10")
@pytest.mark.catches("info-rp-ids-alone")
def test_rp_ids_for_what_can_be_set(info: dict[int, Any]) -> None:
    """maxRPIDsForSetMinPINLength is there only where setMinPINLength is."""
    assert info[OPTIONS].get("setMinPINLength") is True


@pytest.mark.spec("INFO-CONFIG-02", "CTAP 2.3 §6.4")
@pytest.mark.needs("info-0x1F")
@pytest.mark.catches("info-config-zero")
def test_config_commands_exist(info: dict[int, Any]) -> None:
    """authenticatorConfigCommands names subcommands 1 to 4, or the vendors' 255."""
    assert {*info[CONFIG_COMMANDS]} <= {1, 2, 3, 4, 0xFF}
    assert info[OPTIONS].get("authnrCfg") is True


@pytest.mark.spec("INFO-REMAINING-01", "CTAP 2.3 §6.4")
@pytest.mark.needs("rk", "info-0x14")
@pytest.mark.destructive("stores a credential")
@pytest.mark.touches(1)
@pytest.mark.catches("info-remaining-constant")
def test_room_that_remains(probe: Probe, ceremony: Ceremony) -> None:
    """A credential more is room for one less."""
    before = probe.info_now()[REMAINING]
    ceremony.register(rk=True, user_id=b"one more")
    assert probe.info_now()[REMAINING] == before - 1


@pytest.mark.spec("INFO-ATTESTATION-01", "CTAP 2.3 §6.4")
@pytest.mark.needs("info-0x16")
@pytest.mark.catches("info-attestation-format-unknown")
def test_attestation_formats_exist(info: dict[int, Any]) -> None:
    """Attestation formats are those that WebAuthn registers, each once."""
    assert {*info[FORMATS]} - KNOWN_FORMATS == set()
    assert _twice(info[FORMATS]) == []


@pytest.mark.spec("INFO-ATTESTATION-02", "CTAP 2.3 §6.4")
@pytest.mark.needs("info-0x16")
@pytest.mark.touches(1)
@pytest.mark.catches("info-attestation-formats-other")
def test_attestation_formats_are_the_truth(info: dict[int, Any], ceremony: Ceremony) -> None:
    """A credential is attested in a format that getInfo names, or in none."""
    assert ceremony.register().members[1] in {*info[FORMATS], "none"}


@pytest.mark.spec("INFO-IDENTIFIER-01", "CTAP 2.3 §6.4")
@pytest.mark.needs("info-0x19")
@pytest.mark.catches("info-identifier-constant")
def test_identifier_is_encrypted_anew(probe: Probe) -> None:
    """encIdentifier is other bytes each time it is asked for.

    Otherwise whoever asks knows the key again, which only those with its token may.
    """
    first, second = (probe.info_now()[ENC_IDENTIFIER] for _ in range(2))
    assert len(first) == len(second) == 32
    assert first != second


@pytest.mark.spec("INFO-IDENTIFIER-02", "CTAP 2.3 §6.4")
@pytest.mark.needs("info-0x1E")
@pytest.mark.catches("info-store-state-constant")
def test_store_state_is_encrypted_anew(probe: Probe) -> None:
    """encCredStoreState is other bytes each time it is asked for."""
    first, second = (probe.info_now()[ENC_STORE_STATE] for _ in range(2))
    assert len(first) == len(second) == 32
    assert first != second


@pytest.mark.spec("INFO-FIRMWARE-01", "CTAP 2.3 §6.4")
@pytest.mark.needs("info-0x0E")
@pytest.mark.catches("info-firmware-negative")
def test_firmware_version(info: dict[int, Any]) -> None:
    """firmwareVersion is an unsigned integer."""
    assert type(info[FIRMWARE]) is int
    assert info[FIRMWARE] >= 0
