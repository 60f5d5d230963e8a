"""A fault: one misbehaviour of a key, as data; and the key that has some."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from emulator.card import Apdus
from emulator.fido.authenticator import Authenticator
from emulator.fido.ctaphid import PACKET_TIMEOUT, CtapHid
from emulator.fido.state import AuthenticatorState
from emulator.key_parts import Commands, Packets
from emulator.profile import Profile
from emulator.random_stream import RandomStream
from emulator.security_key import SecurityKey, capabilities
from emulator.store import CredentialStore, MemoryStore


class Layer(Enum):
    """Where a key misbehaves: in its packets, in its encoding, in what it says, in what it signs with."""

    PACKET = "packet"
    CBOR = "CBOR"
    MEANING = "meaning"
    CRYPTOGRAPHY = "cryptography"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a key is made of, for a fault to reach into: its model, its memory, its randomness, its state."""

    profile: Profile
    store: CredentialStore
    random_bytes: Callable[[int], bytes]
    state: AuthenticatorState


Wrap = Callable[[Commands, Parts], Commands]
"""Puts commands of its own in the place of a key's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A misbehaviour by ``name``: ``sentence`` completes "this key …".

    ``caught_by`` says who should notice, and by what: a client, a relying party, both. The rest is how: each
    function puts something of its own in the place of a part, as it is made; those not given leave it be.
    """

    name: str
    layer: Layer
    sentence: str
    caught_by: str
    packets: Callable[[Packets], Packets] | None = None
    commands: Wrap | None = None
    profile: Callable[[Profile], Profile] | None = None
    random_bytes: Callable[[Callable[[int], bytes]], Callable[[int], bytes]] | None = None
    card: Callable[[Apdus], Apdus] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Makes faults of one kind: how their names begin and, unless one says otherwise, who notices, where."""

    prefix: str = ""
    caught_by: str
    layer: Layer = Layer.MEANING

    def __call__(
        self,
        name: str,
        sentence: str,
        commands: Wrap | None = None,
        *,
        caught_by: str | None = None,
        layer: Layer | None = None,
        packets: Callable[[Packets], Packets] | None = None,
        profile: Callable[[Profile], Profile] | None = None,
        random_bytes: Callable[[Callable[[int], bytes]], Callable[[int], bytes]] | None = None,
        card: Callable[[Apdus], Apdus] | None = None,
    ) -> Fault:
        """One of them; the rest as in :class:`Fault`."""
        return Fault(
            name=f"{self.prefix}{name}",
            layer=layer or self.layer,
            sentence=sentence,
            caught_by=caught_by or self.caught_by,
            packets=packets,
            commands=commands,
            profile=profile,
            random_bytes=random_bytes,
            card=card,
        )

    def of_packets(
        self,
        name: str,
        sentence: str,
        packets: Callable[[Packets], Packets],
        *,
        caught_by: str | None = None,
    ) -> Fault:
        """One of the key's packets."""
        return self(name, sentence, packets=packets, caught_by=caught_by)

    def of_card(
        self,
        name: str,
        sentence: str,
        card: Callable[[Apdus], Apdus],
        *,
        caught_by: str | None = None,
        layer: Layer | None = None,
    ) -> Fault:
        """One of the key as a smart card."""
        return self(name, sentence, card=card, caught_by=caught_by, layer=layer)


def broken_key(
    faults: Iterable[Fault],
    profile: Profile | str,
    *,
    seed: bytes | int | str | None = None,
    random_bytes: Callable[[int], bytes] | None = None,
    store: CredentialStore | None = None,
    now: float = 0.0,
    serial_number: str = "1",
    packet_timeout: float = PACKET_TIMEOUT,
    **person: Any,
) -> SecurityKey:
    """A security key with these faults, the later ones over the earlier; without any, a sound one.

    The parameters are those of :class:`SecurityKey`.
    """
    profile = Profile.load(profile) if isinstance(profile, str) else profile
    if (seed is None) == (random_bytes is None):
        raise ValueError(
            "a key needs either a seed, to be reproducible, or random_bytes, such as SystemRandom()"
        )
    random_bytes = random_bytes or RandomStream(seed)  # type: ignore[arg-type]  # one of the two is given
    store = MemoryStore() if store is None else store
    faults = tuple(faults)
    for fault in faults:
        profile = fault.profile(profile) if fault.profile else profile
        random_bytes = fault.random_bytes(random_bytes) if fault.random_bytes else random_bytes
    authenticator = Authenticator(
        profile, store=store, random_bytes=random_bytes, now=now, serial_number=serial_number
    )
    commands: Commands = authenticator
    parts = Parts(profile=profile, store=store, random_bytes=random_bytes, state=authenticator.state)
    packets: Packets = CtapHid(
        capabilities=capabilities(profile),
        device_version=profile.device_version,
        packet_timeout=packet_timeout,
    )
    for fault in faults:
        commands = fault.commands(commands, parts) if fault.commands else commands
        packets = fault.packets(packets) if fault.packets else packets
    return SecurityKey(
        profile,
        random_bytes=random_bytes,
        store=store,
        now=now,
        serial_number=serial_number,
        authenticator=commands,
        packets=packets,
        **person,
    )


def broken_card(faults: Iterable[Fault], card: Apdus) -> Apdus:
    """The card of a key with these faults, the later ones over the earlier."""
    for fault in faults:
        card = fault.card(card) if fault.card else card
    return card
