"""Authenticator data: what an authenticator signs besides the client data hash (WebAuthn Level 3 §6.1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from struct import Struct
from typing import Any

from emulator.fido import cbor

_HEAD = Struct(">32sBI")


class Flags(IntFlag):
    """The flags byte (WebAuthn Level 3 §6.1)."""

    UP = 0x01
    UV = 0x04
    BE = 0x08
    BS = 0x10
    AT = 0x40
    ED = 0x80


_AT, _ED = int(Flags.AT), int(Flags.ED)  # an IntFlag's own | costs as much as the rest of authenticator data


@dataclass(slots=True, kw_only=True)
class AttestedCredentialData:
    """A new credential's name and public key (WebAuthn Level 3 §6.5.1); ``aaguid`` is 16 bytes."""

    aaguid: bytes
    credential_id: bytes
    cose_key: dict[int, int | bytes]

    def encode(self) -> bytes:
        """AAGUID ‖ length ‖ credential ID ‖ COSE_Key."""
        length = len(self.credential_id).to_bytes(2, "big")
        return self.aaguid + length + self.credential_id + cbor.encode(self.cose_key)


def authenticator_data(
    rp_id_hash: bytes,
    flags: Flags,
    sign_count: int,
    attested: AttestedCredentialData | None = None,
    extensions: dict[str, Any] | None = None,
) -> bytes:
    """``rp_id_hash`` (32 bytes) ‖ flags ‖ ``sign_count`` (32 bits), then what AT and ED announce.

    AT and ED are set here, by what is given; empty extensions count as none.
    """
    bits, tail = int(flags), b""
    if attested is not None:
        bits |= _AT
        tail += attested.encode()
    if extensions:
        bits |= _ED
        tail += cbor.encode(extensions)
    return _HEAD.pack(rp_id_hash, bits, sign_count) + tail
