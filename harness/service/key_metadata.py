"""What is known of models of FIDO keys: metadata statements and status reports (FIDO Metadata Service v3).

A folder of JSON files, or one file: each a statement, an entry with status reports, or a whole payload; a
BLOB as the FIDO Alliance publishes it (``.jwt``) too. What lies there is trusted as it is: a BLOB's signature
is for whoever fetches it to check.
"""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

# MDS v3 §3.1.4: a certificate of FIDO's that names no level is of the first.
_FIDO = "FIDO_CERTIFIED"
_FIPS = "FIPS140_CERTIFIED_"
_BROKEN = {
    "ATTESTATION_KEY_COMPROMISE",
    "REVOKED",
    "USER_KEY_PHYSICAL_COMPROMISE",
    "USER_KEY_REMOTE_COMPROMISE",
    "USER_VERIFICATION_BYPASS",
}
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


class KeyMetadataError(Exception):
    """Metadata cannot be read; the message is one line that says which file and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyModel:
    """A model: ``roots`` are what its attestation leads to (PEM), ``certifications`` names to levels.

    ``broken`` is the status that says not to trust it, if there is one.
    """

    description: str
    roots: tuple[bytes, ...] = field(default=(), repr=False)
    certifications: Mapping[str, str] = field(default_factory=dict)
    broken: str | None = None


class KeyMetadata:
    """Models by AAGUID, and those of U2F keys by the key identifier of their attestation certificate."""

    def __init__(self, models: Mapping[str, KeyModel] | None = None) -> None:
        self._models = dict(models or {})

    @classmethod
    def load(cls, path: str | Path) -> KeyMetadata:
        """Read a folder or a file; KeyMetadataError."""
        path = Path(path)
        found = sorted(path.glob("*.j*")) if path.is_dir() else [path]
        files = [file for file in found if file.suffix in (".json", ".jwt")]
        if not path.exists():
            raise KeyMetadataError(f"cannot read the metadata {path}: it is not there")
        if not files:
            raise KeyMetadataError(
                f"{path} holds no metadata (.json or .jwt); write some with keyrig metadata"
            )
        models: dict[str, KeyModel] = {}
        for file in files:
            try:
                models.update(_models(_document(file)))
            except OSError as error:
                raise KeyMetadataError(f"cannot read the metadata {file}: {error.strerror}") from error
            except _UNREADABLE as error:
                raise KeyMetadataError(f"{file} is not FIDO metadata; remove it or write it anew") from error
        return cls(models)

    def __len__(self) -> int:
        """How many models there are."""
        return len({id(model) for model in self._models.values()})

    def model_of(self, aaguid: str, certificates: Sequence[bytes]) -> KeyModel | None:
        """The model of an attestation with that AAGUID (UUID) and these certificates (DER), if known."""
        found = self._models.get(aaguid)
        if found is None and certificates:
            key = x509.load_der_x509_certificate(certificates[0]).public_key()
            found = self._models.get(x509.SubjectKeyIdentifier.from_public_key(key).digest.hex())
        return found


def _document(file: Path) -> Any:
    if file.suffix != ".jwt":
        return json.loads(file.read_text("utf-8"))
    payload = file.read_text("ascii").split(".")[1]
    return json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def _models(document: Any) -> Iterator[tuple[str, KeyModel]]:
    match document:
        case {"entries": [*entries]}:
            for entry in entries:
                yield from _models(entry)
        case {"statusReports": [*reports]}:
            yield from _model({**document.get("metadataStatement", {}), **document}, reports)
        case {"metadataStatement": {} as statement}:
            yield from _model(statement, [])
        case {"description": str()}:
            yield from _model(document, [])
        case _:
            raise ValueError("neither a statement nor an entry nor a payload")


def _model(
    statement: Mapping[str, Any], reports: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, KeyModel]]:
    statuses = sorted(reports, key=lambda report: report.get("effectiveDate", ""))
    model = KeyModel(
        description=str(statement.get("description", "")),
        roots=tuple(_pem(root) for root in statement.get("attestationRootCertificates", [])),
        certifications={name: level for report in statuses for name, level in _certification(report)},
        broken=next((one["status"] for one in statuses if one["status"] in _BROKEN), None),
    )
    names = [statement.get("aaguid"), *statement.get("attestationCertificateKeyIdentifiers", [])]
    for name in names:
        if name is not None:
            yield name.lower(), model


def _certification(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    status = report["status"]
    if status.startswith(_FIDO):
        yield "FIDO", status[len(_FIDO) :].lstrip("_") or "L1"
    elif status.startswith(_FIPS):
        yield f"FIPS-140-{report.get('fipsRevision', 2)}", status[len(_FIPS) :]


def _pem(der: str) -> bytes:
    return x509.load_der_x509_certificate(b64decode(der)).public_bytes(Encoding.PEM)
