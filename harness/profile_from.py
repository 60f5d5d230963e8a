"""``keyrig profile from``: a key that exists read into a profile, so that it can be emulated."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from fido2.ctap import CtapError
from fido2.hid import CAPABILITY

from emulator.clock import ManualClock
from harness.conformance.ceremony import Ceremony
from harness.conformance.features import named_info
from harness.conformance.pin import GET_RETRIES, GET_UV_RETRIES, PinAuth
from harness.conformance.probe import CMD, Probe
from harness.conformance.trace import Trace
from harness.devices.emulated import EmulatedKey
from harness.devices.find import KeySource, find_key
from harness.devices.key import DeviceError, Key
from harness.misuse import Misuse

_OPTIONS = {
    "credMgmt": "credential_management",
    "credentialMgmtPreview": "credential_management_preview",
    "perCredMgmtRO": "persistent_credential_management",
    "makeCredUvNotRqd": "make_cred_uv_not_rqd",
    "noMcGaPermissionsWithClientPin": "no_mc_ga_with_client_pin",
    "clientPin": "client_pin",
    "uv": "built_in_uv",
    "userVerificationMgmtPreview": "bio_enrollment_preview",
    "uvBioEnroll": "uv_bio_enroll",
    "uvAcfg": "uv_acfg",
}
"""Options of getInfo (CTAP 2.3 §6.4) that say by being there that a key has something."""

_NUMBERS = {
    0x05: "max_message_size",
    0x07: "max_credential_count_in_list",
    0x08: "max_credential_id_length",
    0x0B: "max_large_blob_array",
    0x0D: "min_pin_length",
    0x0E: "firmware_version",
    0x0F: "max_cred_blob_length",
    0x10: "max_rp_ids_for_min_pin_length",
    0x11: "preferred_platform_uv_attempts",
    0x12: "uv_modality",
}
_COMMANDS_BY_OPTION = {
    "ep": "enableEnterpriseAttestation",
    "alwaysUv": "toggleAlwaysUv",
    "setMinPINLength": "setMinPINLength",
}
_USUAL_CREDENTIALS, _USUAL_FINGERS = 25, 5
_OF_THE_STATE = {"forcePINChange", "remainingDiscoverableCredentials", "uvCountSinceLastPinEntry"}
_RULE = re.compile(r": (?P<key>\w+) must (?P<rule>.+)$")
_LEAST = re.compile(r"be (?:at least|from) (?P<least>\d+)")
_ROUNDS = 30


@dataclass(frozen=True, slots=True)
class Model:
    """What a profile says, by its keys, and in sentences what it does not say or only assumes."""

    values: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def to_toml(self) -> str:
        """The profile as a file."""
        head = [f"# {note}" for note in self.notes]
        return "\n".join([*head, *(f"{key} = {_toml(value)}" for key, value in self.values.items()), ""])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def profile() -> None:
    """Make profiles: models of key for `keyrig emulate --profile` and `--key emulated:FILE.toml`."""


@profile.command("from")
@click.option("--key", required=True, metavar="KIND:NAME", help="The key: hid, hid:PATH, pcsc:READER, udp:…")
@click.option("--force", is_flag=True, help="Write over a FILE that is there.")
@click.argument("file", type=click.Path(path_type=Path))
def from_key(key: str, force: bool, file: Path) -> None:
    """Read a key into the profile FILE, whose name ends in .toml.

    What the key says of itself is read, and a credential that leaves no trace is made and used: touch it
    twice. Its PIN, if it has one, is asked for. What could not be learnt is said at the top of FILE.
    """
    if file.suffix != ".toml":
        raise Misuse(f"{file} does not end in .toml, as profiles do")
    if file.exists() and not force:
        raise Misuse(f"{file} is there already; --force writes over it")
    try:
        source = find_key(key)
        info, model = read(source)
        fit(model, file)
    except (DeviceError, CtapError) as error:
        raise Misuse(str(error)) from None
    except OSError as error:
        raise Misuse(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"written: {file}")
    for line in [*model.notes, *unlike(info, file)]:
        click.echo(f"  {line}")


def read(source: KeySource) -> tuple[Mapping[str, str], Model]:
    """What the key of ``source`` says of itself (getInfo), and what kind of key that makes it."""
    model = Model()
    with closing(source.new(clock=ManualClock(), seed="profile")) as key:
        probe = Probe(key, Trace())
        values = model.values
        values["title"] = f"As read from {source}"
        if key.capabilities & CAPABILITY.CBOR:
            _read_info(probe.info, model)
        else:
            values["versions"] = ["U2F_V2"]
        values["wink"] = bool(key.capabilities & CAPABILITY.WINK)
        if key.has_packets:
            with closing(key.open()) as device:
                values["device_version"] = list(device.device_version)
        _read_counts(probe, model)
        _read_ceremony(key, model)
        return named_info(probe.info), model


def _read_info(info: Mapping[int, Any], model: Model) -> None:
    """CTAP 2.3 §6.4."""
    values, options = model.values, info.get(4, {})
    known = EmulatedKey.vocabulary()
    values["versions"] = _known("version", info.get(1, ()), known["versions"], model)
    values["aaguid"] = str(uuid.UUID(bytes=bytes(info[3])))
    values["extensions"] = _known("extension", info.get(2, ()), known["extensions"], model)
    by_number = {number: name for name, number in known["algorithms"].items()}
    numbers = [entry["alg"] for entry in info.get(0x0A, ())]
    names = _known(
        "algorithm", [by_number.get(number, number) for number in numbers], by_number.values(), model
    )
    values["algorithms"] = names or ["ES256"]
    values["pin_uv_auth_protocols"] = list(info.get(6, ()))
    values |= {name: info[number] for number, name in _NUMBERS.items() if number in info}
    if 9 in info:
        values["transports"] = list(info[9])
    values |= {name: True for option, name in _OPTIONS.items() if option in options}
    if options.get("rk"):
        _read_room(info, model)
    commands = {number: name for name, number in known["config_commands"].items()}
    told = [commands[number] for number in info.get(0x1F, ()) if number in commands]
    values["config_commands"] = told or [name for key, name in _COMMANDS_BY_OPTION.items() if key in options]
    values["always_uv"] = bool(options.get("alwaysUv"))
    values["pin_complexity_policy"] = 0x1B in info
    if 0x1C in info:
        values["pin_complexity_policy_url"] = bytes(info[0x1C]).decode(errors="replace")
    if "bioEnroll" in options:
        values["fingerprints"] = _USUAL_FINGERS
        model.notes.append(
            f"Nobody can ask how many fingers there is room for: {_USUAL_FINGERS} are assumed."
        )
    if "ep" in options:
        values["enterprise_attestation"] = ["platform-managed"]
        model.notes.append("Of enterprise attestation, platform-managed alone is assumed.")
    formats = _known("attestation", info.get(0x16, ()), ("packed", "fido-u2f", "none"), model)
    values["attestation"], *values["further_attestations"] = formats or ["packed"]


def _read_room(info: Mapping[int, Any], model: Model) -> None:
    room = info.get(0x14)
    model.values["discoverable_credentials"] = room or _USUAL_CREDENTIALS
    if room is None:
        model.notes.append(
            f"It does not say how many discoverable credentials it holds: {_USUAL_CREDENTIALS} are assumed."
        )
    else:
        model.notes.append("It holds as many discoverable credentials as it had room for when it was read.")


def _read_counts(probe: Probe, model: Model) -> None:
    """How often a PIN or a finger may be wrong, and how many samples a finger takes, where it says so."""
    protocols = probe.info.get(6)
    if not protocols:
        return
    auth = PinAuth(probe, protocols[0])
    for option, subcommand, member, name in (
        ("client_pin", GET_RETRIES, 3, "pin_retries"),
        ("built_in_uv", GET_UV_RETRIES, 5, "uv_retries"),
    ):
        if model.values.get(option):
            answer = auth.command(subcommand)
            if answer.status == 0 and answer.members.get(member):
                model.values[name] = answer.members[member]
    if model.values.get("fingerprints"):
        answer = probe.cbor(CMD.BIO_ENROLLMENT, {1: 1, 2: 7})  # §6.7.3, getFingerprintSensorInfo
        if answer.status == 0 and 3 in answer.members:
            model.values["fingerprint_samples"] = answer.members[3]


def _read_ceremony(key: Key, model: Model) -> None:
    """How it attests itself, and whether it counts signatures: seen at a credential that it does not keep."""
    if not key.capabilities & CAPABILITY.CBOR:
        model.values["attestation"] = "fido-u2f"
        return
    ceremony = Ceremony(Probe(key, Trace()))
    try:
        made = ceremony.register()
        counts = bool(made.auth_data.counter or ceremony.sign_in(made).auth_data.counter)
    except (AssertionError, DeviceError, CtapError) as error:
        model.notes.append(f"How it attests itself was not seen, and is assumed: {error}.")
        return
    model.values["sign_counter"] = counts
    model.values["synced"] = bool(made.auth_data.flags & 0x18)  # WebAuthn Level 3 §6.1: BE, BS
    chain = made.members[3].get("x5c", ())
    match made.members[1]:
        case "packed":
            kind = "packed-self" if not chain else "packed" if len(chain) == 1 else "packed-chain"
        case str(kind):
            pass
    further = model.values["further_attestations"]
    usual = model.values["attestation"]
    if further:
        others = [fmt for fmt in [usual, *further] if fmt not in (made.members[1], "none")]
        model.values["further_attestations"] = others
    model.values["attestation"] = kind


def fit(model: Model, file: Path) -> None:
    """Write the profile to ``file``; what no profile can say is left out of ``model`` or put right, and told.

    :raises DeviceError: when none comes of it.
    """
    for _ in range(_ROUNDS):
        file.write_text(model.to_toml(), "utf-8")
        try:
            EmulatedKey(str(file), seed="profile")
        except ValueError as error:
            match _RULE.search(str(error)):
                case None:
                    raise DeviceError(f"no profile comes of this key: {error}") from None
                case found:
                    _mend(model, found["key"], found["rule"])
        else:
            return
    raise DeviceError(f"no profile comes of this key: {file} breaks too many rules")


def _mend(model: Model, key: str, rule: str) -> None:
    before = model.values.pop(key, None)
    if least := _LEAST.match(rule):
        model.values[key] = int(least["least"])
    elif key == "attestation":
        model.values[key] = "packed"
    elif before is None:
        raise DeviceError(f"no profile comes of this key: {key} must {rule}")
    told = "left out" if key not in model.values else f"{model.values[key]} here"
    model.notes.append(f"Its {key}, {_toml(before)}, is {told}: it must {rule}.")


def unlike(info: Mapping[str, str], file: Path) -> list[str]:
    """What the emulated key of ``file`` says otherwise of itself than ``info``; not what is of its state."""
    with closing(find_key(f"emulated:{file}").new(clock=ManualClock(), seed="profile")) as key:
        ours = named_info(Probe(key, Trace()).info)
    return [
        f"{name}: {info.get(name, 'not there')} is emulated as {ours.get(name, 'not there')}"
        for name in sorted({*info, *ours})
        if info.get(name) != ours.get(name) and name not in _OF_THE_STATE
    ]


def _known(kind: str, found: Any, known: Any, model: Model) -> list[Any]:
    for name in found:
        if name not in known:
            model.notes.append(f"Its {kind} {name} is not emulated.")
    return [name for name in found if name in known]


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case str():
            return json.dumps(value)
        case _:
            return str(value)
