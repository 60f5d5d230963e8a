"""What ``keyrig serve`` knows from the start: the seeds of hardware tokens, and models of security keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from harness.misuse import Misuse
from harness.service.errors import AwsError, EntityAlreadyExists
from harness.service.identity import Identity
from harness.service.key_metadata import KeyMetadata
from harness.service.profile import ServiceProfile

if TYPE_CHECKING:
    from harness.devices.emulated_seeds import TokenRecord

_NAMED = 5  # of the tokens passed over, how many are named

Fate = Literal["new", "known"]


def stock_tokens(identity: Identity, file: str, key_file: str | None = None) -> Iterator[str]:
    """Make the tokens of a file known, as their vendor does; lines that say what came of it.

    What AWS has no room for is passed over, by name. A token that is known as it is stays whose it is. Misuse
    if none is left.
    """
    from harness.devices.emulated_seeds import tokens_in  # here, for most services are told of no tokens

    records, how = tokens_in(file, key_file=key_file)
    fates: Counter[Fate] = Counter()
    passed_over = []
    for record in records:
        try:
            fates[_take_in(identity, record)] += 1
        except (AwsError, ValueError) as error:
            why = error.message if isinstance(error, AwsError) else str(error)
            passed_over.append(f"{record.serial_number}: {why}")
    if not fates:
        reasons = "; ".join(passed_over[:_NAMED]) or "it has none"
        raise Misuse(f"{file}: no token that can be used here: {reasons}")
    known = f", {fates['known']} known already" if fates["known"] else ""
    yield f"tokens    {fates['new']} taken in{known}, from {file} ({how.partition(';')[0]})"
    for reason in passed_over[:_NAMED]:
        yield f"          passed over {reason}"
    if len(passed_over) > _NAMED:
        yield f"          passed over {len(passed_over) - _NAMED} more"


def _take_in(identity: Identity, record: TokenRecord) -> Fate:
    """ValueError or AwsError for a token that AWS would not take."""
    digits = identity.profile.totp_digits
    if record.kind != "totp":
        raise ValueError(f"it is of the kind {record.kind.upper()}; only TOTP can be used here")
    if record.digits != digits:
        raise ValueError(f"its codes have {record.digits} digits; here they have {digits}")
    if identity.knows_hardware_token(record.serial_number, record.secret):
        return "known"
    try:
        identity.import_hardware_token(
            record.serial_number, record.secret, record.digits, record.period, record.algorithm
        )
    except EntityAlreadyExists:
        raise ValueError("a token of this serial number is known with another secret") from None
    return "new"


def key_metadata(path: str | None, profile: ServiceProfile) -> KeyMetadata:
    """What is known of models of security keys; Misuse where that is nothing, and the rest refused."""
    if path is not None:
        return KeyMetadata.load(path)
    if profile.unknown_keys == "refuse":
        raise Misuse("no key is known, so none could be registered; say which with --metadata FILE")
    return KeyMetadata()
