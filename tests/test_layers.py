"""The three rules of the house, judged from the imports: a pure core, two sides, imports that point down."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Ground floor first. A module may import what stands on a lower floor; on its own floor, nothing.
EMULATOR_FLOORS: list[list[str]] = [
    [
        "emulator.clock",
        "emulator.fido.status",
        "emulator.fido.gesture",
        "emulator.fido.presence",
        "emulator.fido.primes",
        "emulator.gesture_policy",
        "emulator.profile_values",
        "emulator.random_stream",
        "emulator.system_random",
        "emulator.random_walk",
        "emulator.sealing",
    ],
    [
        "emulator.drift",
        "emulator.sqlite_file",
        "emulator.fido.cbor",
        "emulator.fido.cose",
        "emulator.fido.apdu",
        "emulator.fido.ctaphid",
        "emulator.fido.pin_protocol",
        "emulator.oath.otp",
        "emulator.moment",
        "emulator.oath.tlv",
        "emulator.profile",
    ],
    ["emulator.key_parts", "emulator.oath.record", "emulator.waiting"],
    ["emulator.oath.otpauth", "emulator.oath.pskc", "emulator.oath.qr", "emulator.oath.vendor_csv"],
    ["emulator.fido.credential", "emulator.fido.authdata", "emulator.exchange", "emulator.oath.accounts"],
    ["emulator.store", "emulator.fido.attestation", "emulator.fido.session"],
    ["emulator.fido.state", "emulator.sealed_records"],
    ["emulator.fido.ctap2.parameters", "emulator.fido.ctap2.verification", "emulator.sqlite_store"],
    ["emulator.fido.ctap2.extensions", "emulator.fido.ctap2.statement"],
    ["emulator.fido.u2f", "emulator.fido.ctap2.*"],
    ["emulator.fido.authenticator"],
    ["emulator.metadata", "emulator.security_key", "emulator.totp_token", "emulator.oath.ykoath"],
    ["emulator.programmable_token", "emulator.token_display"],
    ["emulator.stored_token"],
    ["emulator.token_store"],
    ["emulator.token_desk"],
    ["emulator.token_exchange"],
    ["emulator.card"],
    ["emulator.faults.fault"],
    ["emulator.faults.changes", "emulator.faults.ecdsa", "emulator.faults.wiring"],
    ["emulator.faults.applet", "emulator.faults.messages", "emulator.faults.packets"],
    ["emulator.faults.forgery", "emulator.faults.memory", "emulator.faults.signing"],
    ["emulator.faults.ceremony", "emulator.faults.outputs"],
    ["emulator.faults.*"],
    ["emulator.faults"],
    ["emulator.faults.catalogue"],
    ["emulator.transports.port", "emulator.transports.descriptor"],
    ["emulator.transports.hidraw"],
    [
        "emulator.transports.gadget",
        "emulator.transports.loop",
        "emulator.transports.udp",
        "emulator.transports.uhid",
        "emulator.transports.vpcd",
    ],
    ["emulator.transports.robot"],
    ["emulator.transports.control"],
    ["emulator.keyring"],
    ["emulator.emulate", "emulator.publish", "emulator.token_commands"],
    ["emulator"],
]
HARNESS_FLOORS: list[list[str]] = [
    ["harness.service.totp_limits", "harness.service.totp_state"],
    [
        "harness.devices.key",
        "harness.machine",
        "harness.misuse",
        "harness.page",
        "harness.story",
        "harness.service.errors",
        "harness.service.events",
        "harness.service.grants",
        "harness.service.key_metadata",
        "harness.service.record_codec",
        "harness.service.seal",
        "harness.service.totp_rules",
        "harness.service.words",
    ],
    [
        "harness.service.model",
        "harness.service.profile",
        "harness.service.policy_conditions",
        "harness.service.query_protocol",
        "harness.service.sigv4",
        "harness.udev",
    ],
    ["harness.service.transactions"],
    ["harness.service.memory_store"],
    [
        "harness.service.identifiers",
        "harness.service.passwords",
        "harness.service.policy",
        "harness.service.store",
        "harness.service.totp_servers",
        "harness.service.webauthn_rules",
    ],
    # The parts of identity, from what they stand on to what they do.
    ["harness.service.environment", "harness.service.permissions", "harness.service.trust_policy"],
    ["harness.service.authorization", "harness.service.refusals"],
    ["harness.service.directory"],
    [
        "harness.service.device_limits",
        "harness.service.inline_policies",
        "harness.service.mfa_codes",
        "harness.service.outbox",
        "harness.service.password_policy",
        "harness.service.session_tags",
        "harness.service.sessions",
    ],
    ["harness.service.boundaries"],
    [
        "harness.service.access_keys",
        "harness.service.accounts",
        "harness.service.attachments",
        "harness.service.audit",
        "harness.service.contacts",
        "harness.service.credential_report",
        "harness.service.groups",
        "harness.service.login_profiles",
        "harness.service.managed_policies",
        "harness.service.mfa_devices",
        "harness.service.recovery",
        "harness.service.role_sessions",
        "harness.service.roles",
        "harness.service.security_keys",
        "harness.service.sign_in",
        "harness.service.simulation",
        "harness.service.sts",
        "harness.service.support",
        "harness.service.tagging",
        "harness.service.users",
    ],
    ["harness.service.account_details"],
    ["harness.service.identity"],
    # The two doors of the service.
    ["harness.service.operations.answers"],
    ["harness.service.operations.shapes"],
    ["harness.service.operations.*"],
    [
        "harness.service.operations",
        "harness.service.console.language",
        "harness.service.console.visit",
    ],
    [
        "harness.service.console.devices",
        "harness.service.console.form",
        "harness.service.console.rendering",
    ],
    ["harness.service.console.shell"],
    ["harness.service.api", "harness.service.console.*"],
    ["harness.service.console"],
    ["harness.service.app", "harness.service.certificates", "harness.service.clock_control"],
    # A key at hand, from the packets up.
    [
        "harness.devices.attendant",
        "harness.devices.connection",
        "harness.devices.request",
        "harness.devices.token",
    ],
    ["harness.devices.attended", "harness.devices.hand", "harness.devices.owners_pin"],
    ["harness.devices.attended_key"],
    ["harness.devices.hidraw", "harness.devices.pcsc", "harness.devices.udp"],
    [
        "harness.devices.emulated",
        "harness.devices.emulated_clock",
        "harness.devices.emulated_seeds",
        "harness.devices.emulated_store",
        "harness.devices.emulated_token",
        "harness.devices.hardware",
        "harness.devices.prompt",
        "harness.devices.ykoath",
    ],
    ["harness.stock"],
    ["harness.serve"],
    ["harness.devices.find", "harness.capabilities"],
    ["harness.outcome", "harness.platform"],
    ["harness.person"],
    ["harness.world"],
    ["harness.elsewhere", "harness.coverage"],
    ["harness.plugin"],
    ["harness.parallel", "harness.runner"],
    ["harness.conformance.trace"],
    ["harness.conformance.results"],
    ["harness.conformance.report"],
    ["harness.conformance.difference", "harness.conformance.table"],
    ["harness.conformance.probe", "harness.conformance.wire"],
    ["harness.conformance.card"],
    ["harness.conformance.features", "harness.conformance.pin"],
    ["harness.conformance.bio", "harness.conformance.ceremony", "harness.conformance.owner"],
    ["harness.conformance.config", "harness.conformance.found", "harness.conformance.management"],
    ["harness.conformance.course", "harness.conformance.proof", "harness.conformance.record"],
    ["harness.conformance.attendance"],
    ["harness.conformance.suite"],
    ["harness.scenarios.*", "harness.conformance.*"],
    # What a real token's codes tell of its clock.
    ["harness.measure"],
    ["harness.refusal"],
    ["harness.measure_picture", "harness.token_readings"],
    ["harness.token_measure"],
    # The drift lab, from the question to the picture.
    ["harness.lab.fleet", "harness.lab.odds", "harness.lab.tally"],
    ["harness.lab.crystals", "harness.lab.rule"],
    ["harness.lab.block"],
    ["harness.lab.answer", "harness.lab.run"],
    ["harness.lab.picture"],
    ["harness.conform", "harness.profile_from", "harness.drift_lab"],
    ["harness.report", "harness.doctor"],
    ["harness.verdicts"],
    ["harness.cli"],
    ["harness.__main__"],
]

# What would let time, randomness or the outside into the core, as imports and as attribute names.
IMPURE_MODULES = {
    "asyncio", "multiprocessing", "os", "random", "secrets", "select", "selectors", "signal", "socket",
    "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "uuid",
}  # fmt: skip
IMPURE_NAMES = {"generate_private_key", "generate_key", "generate", "random_serial_number", "urandom",
                "now", "utcnow", "today"}  # fmt: skip
IMPURE_OWNERS = {"datetime", "date", "ec", "rsa", "x509", "os", "AESGCM", "Ed25519PrivateKey",
                 "Ed448PrivateKey", "X25519PrivateKey"}  # fmt: skip
DOORS = {
    "emulator.clock": {"time"},
    "emulator.sealing": {"os"},
    "emulator.sqlite_file": {"sqlite3"},
    "emulator.system_random": {"os", "os.urandom", "ec.generate_private_key", "rsa.generate_private_key"},
    "emulator.token_commands": {"os"},
    "emulator.token_desk": {"os"},
    "emulator.token_display": {"time"},
    "emulator.emulate": {"os", "signal", "threading", "time"},
}
JUDGES = {"fido2", "pyotp", "webauthn"}
MEETING_PLACES = {
    "harness.devices.emulated",
    "harness.devices.emulated_clock",
    "harness.devices.emulated_seeds",
    "harness.devices.emulated_store",
    "harness.devices.emulated_token",
}

# The emulator's own commands behind the one command: harness.cli opens these doors and looks no further.
FRONT_DOORS = {
    ("harness.cli", "emulator.emulate"),
    ("harness.cli", "emulator.faults.catalogue"),
    ("harness.cli", "emulator.publish"),
    ("harness.cli", "emulator.token_commands"),
}


def sources(package: str) -> dict[str, str]:
    """Every module of ``package`` by its dotted name."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return found


def imports(module: str, source: str, known: Mapping[str, str]) -> Iterator[str]:
    """The dotted names that ``source`` imports, anywhere in it, with submodules resolved."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=target, names=names, level=level):
                if level:
                    package = module.split(".") if f"{module}.__init__" in known else module.split(".")[:-1]
                    target = ".".join([*package[: len(package) - level + 1], *([target] if target else [])])
                assert target is not None
                for alias in names:
                    submodule = f"{target}.{alias.name}"
                    yield submodule if submodule in known else target


def floor_of(module: str, floors: list[list[str]]) -> int | None:
    """The floor that ``module`` stands on: where it is named, else that of the first pattern that fits."""
    fitting = [number for number, rooms in enumerate(floors) if any(fnmatch(module, room) for room in rooms)]
    return next((number for number in fitting if module in floors[number]), next(iter(fitting), None))


def floor_violations(modules: Mapping[str, str], floors: list[list[str]]) -> list[str]:
    found = []
    for module, source in modules.items():
        floor = floor_of(module, floors)
        if floor is None:
            if source.strip() and list(imports(module, source, modules)):
                found.append(f"{module} stands on no floor; give it one in test_layers.py")
            continue
        for target in imports(module, source, modules):
            if target not in modules or target == module:
                continue
            target_floor = floor_of(target, floors)
            if target_floor is not None and target_floor >= floor:
                found.append(f"{module} (floor {floor}) imports {target} (floor {target_floor})")
    return found


def side_violations(modules: Mapping[str, str]) -> list[str]:
    found = []
    for module, source in modules.items():
        for target in imports(module, source, modules):
            root = target.split(".")[0]
            if module.startswith("emulator"):
                if root in JUDGES or root == "harness":
                    found.append(f"{module} imports {target}: the emulator never imports what judges it")
            elif (
                root == "emulator"
                and target != "emulator.clock"
                and module not in MEETING_PLACES
                and (module, target) not in FRONT_DOORS
            ):
                found.append(f"{module} imports {target}: the two sides meet only in {MEETING_PLACES}")
            elif module.startswith("harness.service") and target.startswith("harness.devices"):
                found.append(f"{module} imports {target}: the service knows no devices")
    return found


def purity_violations(modules: Mapping[str, str]) -> list[str]:
    found = []
    for module, source in modules.items():
        if module.startswith("emulator.transports"):
            continue
        for target in imports(module, source, modules):
            root = target.split(".")[0]
            if root in IMPURE_MODULES - DOORS.get(module, set()):
                found.append(f"{module} imports {target}: the core reads no clock, no randomness, no socket")
        for node in ast.walk(ast.parse(source)):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)) if (
                    owner in IMPURE_OWNERS
                    and name in IMPURE_NAMES
                    and f"{owner}.{name}" not in DOORS.get(module, set())
                ):
                    found.append(f"{module} calls {owner}.{name}(): time and randomness are arguments")
    return found


def test_imports_point_down() -> None:
    assert floor_violations(sources("emulator"), EMULATOR_FLOORS) == []
    assert floor_violations(sources("harness"), HARNESS_FLOORS) == []


def test_the_two_sides_meet_only_in_bytes_and_digits() -> None:
    assert side_violations({**sources("emulator"), **sources("harness")}) == []


def test_the_core_reads_no_clock_no_randomness_no_socket() -> None:
    assert purity_violations(sources("emulator")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("emulator.fido.cbor", "from emulator.fido.authenticator import Authenticator"),
        ("emulator.fido.cbor", "from . import authenticator"),
        ("emulator.fido.ctap2.reset", "def run():\n    import emulator.security_key"),
        ("emulator.upstairs", "import emulator.clock"),
    ],
)
def test_a_planted_import_upwards_is_found(module: str, source: str) -> None:
    planted = {**sources("emulator"), "emulator.fido.authenticator": "", "emulator.security_key": ""}
    assert floor_violations({**planted, module: source}, EMULATOR_FLOORS)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("emulator.fido.cose", "from fido2.cose import ES256"),
        ("emulator.oath.otp", "import pyotp"),
        ("emulator.store", "from harness import world"),
        ("harness.platform", "from emulator import SecurityKey"),
        ("harness.platform", "from emulator.emulate import emulate"),
        ("harness.cli", "from emulator.keyring import KeyRing"),
        ("harness.service.identity", "from harness.devices import key"),
    ],
)
def test_a_planted_meeting_of_the_sides_is_found(module: str, source: str) -> None:
    planted = {**sources("emulator"), **sources("harness"), "harness.world": "", "harness.devices.key": ""}
    assert side_violations({**planted, module: source})


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("emulator.security_key", "import time"),
        ("emulator.fido.u2f", "from os import urandom"),
        ("emulator.fido.cose", "key = ec.generate_private_key(curve)"),
        ("emulator.fido.attestation", "issued = datetime.now()"),
        ("emulator.fido.ctaphid", "def read():\n    import socket"),
    ],
)
def test_a_planted_clock_or_randomness_is_found(module: str, source: str) -> None:
    assert purity_violations({module: source})
