"""What each packaged key can do, as a table: a fresh key is asked, and its profile where a key cannot say."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from fido2.ctap2.base import Ctap2, Info
from fido2.hid import CAPABILITY

from harness.devices.emulated import EmulatedKey

YES = "✔"

Cell = Callable[["_Asked"], object]
"""What a key has of a feature: a number or a text, or whether it has it at all."""

_OPTIONS_TOLD_OTHERWISE = {
    "plat", "rk", "up", "uv", "clientPin", "pinUvAuthToken", "alwaysUv", "largeBlobs",
}  # fmt: skip
_OPTIONS = {
    "credMgmt": "credential management",
    "credentialMgmtPreview": "credential management, preview",
    "perCredMgmtRO": "credential management, read-only by a persistent token",
    "bioEnroll": "bio enrolment",
    "userVerificationMgmtPreview": "bio enrolment, preview",
    "ep": "enterprise attestation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A key, and what authenticatorGetInfo told; one without CTAP2 has nothing of it."""

    key: EmulatedKey
    info: Info

    @classmethod
    def of(cls, profile: str) -> _Asked:
        key = EmulatedKey(profile, seed="capabilities")
        ctap2 = key.capabilities & CAPABILITY.CBOR
        return cls(key=key, info=Ctap2(key).info if ctap2 else Info(versions=[], max_msg_size=0))

    @property
    def ctap(self) -> str:
        """The latest version of CTAP2 that it names."""
        named = {version.removeprefix("FIDO_").replace("_", ".") for version in self.info.versions}
        return max(named & {"2.0", "2.1", "2.3"}, default="")

    @property
    def pin(self) -> str:
        return f"from {self.info.min_pin_length}" if "clientPin" in self.info.options else ""

    @property
    def always_uv(self) -> str:
        """Whether it is so from the start, or can be made so."""
        return {None: "", True: "always", False: "can be"}[self.info.options.get("alwaysUv")]

    @property
    def algorithms(self) -> Sequence[str]:
        return self.key.security_key.profile.algorithms

    @property
    def attestation(self) -> str:
        profile = self.key.security_key.profile
        return ", ".join((profile.attestation, *profile.further_attestations))


def table() -> str:
    """The keys' capabilities in Markdown: a feature a row, a key a column, a newline after each row."""
    names = EmulatedKey.profiles()
    keys = [_Asked.of(name) for name in names]
    lines = [["", *names], ["---", *([":-:"] * len(names))]]
    lines += [[feature, *(_shown(cell(key)) for key in keys)] for feature, cell in _features(keys)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _features(keys: Sequence[_Asked]) -> Iterator[tuple[str, Cell]]:
    """Each feature and how it is found out; what a key only may have is there if one of ``keys`` has it."""
    yield "U2F", lambda key: not key.key.capabilities & CAPABILITY.NMSG
    yield "CTAP", lambda key: key.ctap
    yield "PIN, characters", lambda key: key.pin
    yield "PIN/UV auth protocols", lambda key: ", ".join(map(str, key.info.pin_uv_protocols))
    yield "tokens with permissions", lambda key: "pinUvAuthToken" in key.info.options
    yield "built-in user verification", lambda key: "uv" in key.info.options
    yield "user always verified", lambda key: key.always_uv
    yield "discoverable credentials", lambda key: key.key.security_key.profile.discoverable_credentials
    for option in _all(list(key.info.options) for key in keys):
        if option not in _OPTIONS_TOLD_OTHERWISE:
            yield _OPTIONS.get(option, f"`{option}`"), _has(option, lambda key: key.info.options)
    yield "large blobs, bytes", lambda key: key.info.max_large_blob
    for extension in _all(key.info.extensions for key in keys):
        yield f"`{extension}`", _has(extension, lambda key: key.info.extensions)
    for algorithm in _all(key.algorithms for key in keys):
        yield algorithm, _has(algorithm, lambda key: key.algorithms)
    yield "attestation", lambda key: key.attestation
    yield "synced (flags BE and BS)", lambda key: key.key.security_key.profile.synced
    yield "signature counter", lambda key: key.key.counts_signatures
    yield "longest message, bytes", lambda key: key.info.max_msg_size


def _has(name: str, among: Callable[[_Asked], Container[str]]) -> Cell:
    return lambda key: name in among(key)


def _all(lists: Iterable[Sequence[str]]) -> list[str]:
    """Each item once, in the order of the longest list."""
    return list(dict.fromkeys(item for items in sorted(lists, key=len, reverse=True) for item in items))


def _shown(value: object) -> str:
    match value:
        case True:
            return YES
        case 0 | False:
            return ""
        case _:
            return str(value)
