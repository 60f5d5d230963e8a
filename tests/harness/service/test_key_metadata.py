"""Metadata of keys: read from files, matched to attestations, and what a policy can ask of a model."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator import metadata as published
from emulator.profile import Profile
from harness.devices.emulated import EmulatedKey
from harness.platform import Browser
from harness.service.errors import AccessDenied, InvalidInput
from harness.service.key_metadata import KeyMetadata, KeyMetadataError

L2 = {"status": "FIDO_CERTIFIED_L2", "effectiveDate": "2025-06-01"}
L1 = {"status": "FIDO_CERTIFIED_L1", "effectiveDate": "2024-01-01"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What ``keyrig metadata`` writes for two profiles."""
    for name, content in published.files([Profile.load("ctap21"), Profile.load("u2f-only")]).items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def certify(folder: Path, name: str, *reports: Any) -> None:
    """Make the statement of a profile an entry with status reports."""
    file = folder / f"{name}.json"
    statement = json.loads(file.read_text())
    file.write_text(json.dumps({"metadataStatement": statement, "statusReports": reports}))


def test_statements_are_found_by_aaguid_and_by_the_key_of_the_attestation_certificate(folder: Path) -> None:
    metadata = KeyMetadata.load(folder)
    statement = json.loads((folder / "ctap21.json").read_text())
    model = metadata.model_of(statement["aaguid"], [])
    assert model is not None
    assert (model.description, model.certifications, model.broken) == (statement["description"], {}, None)
    assert model.roots[0].startswith(b"-----BEGIN CERTIFICATE-----")
    assert metadata.model_of("00000000-0000-0000-0000-000000000000", []) is None


@pytest.mark.parametrize(
    ("reports", "certifications"),
    [
        ([L1], {"FIDO": "L1"}),
        ([L2, L1], {"FIDO": "L2"}),  # by date, not by place
        ([{"status": "FIDO_CERTIFIED"}], {"FIDO": "L1"}),
        ([{"status": "FIDO_CERTIFIED_L3plus"}], {"FIDO": "L3plus"}),
        ([L1, {"status": "FIPS140_CERTIFIED_L2"}], {"FIDO": "L1", "FIPS-140-2": "L2"}),
        ([{"status": "FIPS140_CERTIFIED_L3", "fipsRevision": 3}], {"FIPS-140-3": "L3"}),
        ([{"status": "NOT_FIDO_CERTIFIED"}, {"status": "UPDATE_AVAILABLE"}], {}),
    ],
)
def test_certifications_come_from_the_status_reports(
    folder: Path, reports: list[Any], certifications: dict[str, str]
) -> None:
    certify(folder, "ctap21", *reports)
    entry = json.loads((folder / "ctap21.json").read_text())
    model = KeyMetadata.load(folder).model_of(entry["metadataStatement"]["aaguid"], [])
    assert model is not None
    assert model.certifications == certifications


def test_a_payload_and_a_blob_hold_many_entries(folder: Path, tmp_path: Path) -> None:
    certify(folder, "ctap21", L2)
    entry = json.loads((folder / "ctap21.json").read_text())
    aaguid = entry["metadataStatement"]["aaguid"]
    payload = json.dumps({"no": 1, "entries": [entry]})
    (tmp_path / "payload.json").write_text(payload)
    blob = ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b"{}", payload.encode(), b"s")
    )
    (tmp_path / "blob.jwt").write_text(blob)
    for name in ("payload.json", "blob.jwt"):
        model = KeyMetadata.load(tmp_path / name).model_of(aaguid, [])
        assert model is not None
        assert model.certifications == {"FIDO": "L2"}


def test_a_folder_without_metadata_and_a_file_that_is_none_are_refused_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(KeyMetadataError, match="holds no metadata"):
        KeyMetadata.load(tmp_path)
    with pytest.raises(KeyMetadataError, match="cannot read the metadata"):
        KeyMetadata.load(tmp_path / "missing.json")
    for nonsense in ("", "[]", "{}", "1", '{"entries": [1]}', '{"statusReports": [{}]}', "[" * 100_000):
        (tmp_path / "a.json").write_text(nonsense)
        with pytest.raises(KeyMetadataError, match="is not FIDO metadata"):
            KeyMetadata.load(tmp_path)


MEMBERS = [
    *("entries", "statusReports", "metadataStatement", "status", "aaguid", "description", "effectiveDate"),
    *("attestationRootCertificates", "attestationCertificateKeyIdentifiers"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(MEMBERS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(document=JSON)
def test_no_json_whatever_is_more_than_refused(
    tmp_path_factory: pytest.TempPathFactory, document: Any
) -> None:
    file = tmp_path_factory.mktemp("metadata") / "a.json"
    file.write_text(json.dumps(document))
    with suppress(KeyMetadataError):
        KeyMetadata.load(file).model_of("00000000-0000-0000-0000-000000000000", [])


# At registration.


def registered(open_office: Any, metadata: KeyMetadata, profile: str, policy: str | None = None) -> Any:
    office = open_office(metadata=metadata)
    alice = office.in_console(office.user("alice", policy or office.policy("*")))
    browser = Browser("http://localhost:8000", key=EmulatedKey(profile, clock=office.clock, seed="a key"))
    options = office.identity.begin_security_key_registration(alice, None, "key")
    response = browser._create(_client(browser), options)
    return office.identity.finish_security_key_registration(alice, None, "key", response)


def _client(browser: Browser) -> Any:
    from fido2.client import DefaultClientDataCollector, Fido2Client

    return Fido2Client(browser.key, DefaultClientDataCollector(browser.base_url))


def activation(*conditions: dict[str, str]) -> str:
    """A policy that lets a registration begin, and end under conditions; as the IAM guide writes it."""
    allow = {"Effect": "Allow", "Action": "iam:EnableMFADevice", "Resource": "*"}
    statements = [
        {**allow, "Condition": {"StringEquals": {"iam:RegisterSecurityKey": "Create"}}},
        *(
            {**allow, "Condition": {"StringEquals": {"iam:RegisterSecurityKey": "Activate", **condition}}}
            for condition in conditions
        ),
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def test_a_key_keeps_what_its_model_is_certified_for(open_office: Any, folder: Path) -> None:
    certify(folder, "ctap21", L2)
    key = registered(open_office, KeyMetadata.load(folder), "ctap21")
    assert key.certifications == {"FIDO": "L2"}


def test_a_u2f_key_is_known_by_its_certificate(open_office: Any, folder: Path) -> None:
    certify(folder, "u2f-only-u2f", L1)
    key = registered(open_office, KeyMetadata.load(folder), "u2f-only")
    assert (key.attestation_format, key.certifications) == ("fido-u2f", {"FIDO": "L1"})


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"iam:FIDO-certification": "L2"}, True),
        ({"iam:FIDO-certification": "L1"}, False),
        ({"iam:FIDO-FIPS-140-2-certification": "L3"}, True),
        ({"iam:FIDO-FIPS-140-3-certification": "L3"}, False),
    ],
)
def test_a_policy_may_ask_for_a_certification(
    open_office: Any, folder: Path, condition: dict[str, str], allowed: bool
) -> None:
    certify(folder, "ctap21", L2, {"status": "FIPS140_CERTIFIED_L3"})
    metadata = KeyMetadata.load(folder)
    if allowed:
        assert registered(open_office, metadata, "ctap21", activation(condition)).name == "key"
    else:
        with pytest.raises(AccessDenied):
            registered(open_office, metadata, "ctap21", activation(condition))


def test_a_key_whose_model_is_unknown_has_no_certification(open_office: Any) -> None:
    assert registered(open_office, KeyMetadata(), "ctap21").certifications == {}
    with pytest.raises(AccessDenied):
        registered(open_office, KeyMetadata(), "ctap21", activation({"iam:FIDO-certification": "L1"}))


def test_a_key_that_claims_a_model_without_its_certificate_is_refused(open_office: Any, folder: Path) -> None:
    statement = json.loads((folder / "ctap21.json").read_text())
    stranger = json.loads((folder / "u2f-only-u2f.json").read_text())["attestationRootCertificates"]
    other = _another_root()
    assert stranger != [other]
    (folder / "ctap21.json").write_text(json.dumps({**statement, "attestationRootCertificates": [other]}))
    with pytest.raises(InvalidInput, match="could not be registered"):
        registered(open_office, KeyMetadata.load(folder), "ctap21")


@pytest.mark.parametrize("status", ["REVOKED", "USER_KEY_REMOTE_COMPROMISE"])
def test_a_model_that_was_revoked_is_refused(open_office: Any, folder: Path, status: str) -> None:
    certify(folder, "ctap21", L2, {"status": status})
    with pytest.raises(InvalidInput, match="could not be registered"):
        registered(open_office, KeyMetadata.load(folder), "ctap21")


def _another_root() -> str:
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2090, 1, 1, tzinfo=datetime.UTC))
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()
