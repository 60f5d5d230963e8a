"""The AWS values the service goes by, each with where it comes from.

A profile is data: a table of ``profile.toml`` (or of a file of the user's own) in which every value is
``{ value, status, source }``. ``status`` is ``"verified"`` when the source states the value and
``"assumed"`` when AWS does not publish it.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from harness.service.totp_rules import Algorithm, LatePair
from harness.service.words import Said, say

_PACKAGED = "profile.toml"
_WORDS = {int: "a whole number of zero or more", bool: "true or false", str: "a string"}
_NOT_VALUES = {"name", "texts", "_provenance"}


class ProfileError(ValueError):
    """A profile is unknown or cannot be read; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a value comes from: ``status`` is ``verified`` or ``assumed``, ``source`` says by whom or why."""

    status: Literal["verified", "assumed"]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceProfile:
    """One AWS as the service plays it. The meaning of each value stands beside it in ``profile.toml``."""

    name: str

    max_devices: int
    max_tags: int
    virtual_secret_bytes: int
    user_name_length: int
    policy_name_length: int
    device_name_length: int
    serial_number_min_length: int
    serial_number_length: int
    path_length: int
    virtual_arn: str
    security_key_arn: str
    root_security_key_arn: str
    security_key_suffix_length: int
    change_devices_needs_mfa: Literal["console", "always", "never"]

    totp_digits: int
    totp_period: int
    totp_algorithm: Algorithm
    totp_window: int
    look_ahead: int
    totp_learns: bool
    late_pair: LatePair
    late_after: int
    provisioning_issuer: str

    failures_before_resync: int
    lockout_failures: int
    lockout_s: int
    mfa_page_s: int
    sign_in_session_s: int
    password_min_length: int
    password_character_types: int

    alternative_factors: bool
    recovery_s: int
    recovery_emails: int
    recovery_calls: int
    recovery_call_s: int
    recovery_code_digits: int
    root_mfa_grace_s: int

    rp_name: str
    user_verification: Literal["required", "preferred", "discouraged"]
    attestation: Literal["none", "indirect", "direct", "enterprise"]
    attestation_formats: tuple[str, ...]
    resident_key: Literal["required", "preferred", "discouraged"]
    public_key_algorithms: tuple[int, ...]
    webauthn_timeout_ms: int
    challenge_bytes: int
    challenge_s: int
    sign_count_fault: Literal["refuse", "note"]
    unknown_keys: Literal["accept", "refuse"]

    sts_default_duration_s: int
    sts_min_duration_s: int
    sts_max_duration_s: int
    sts_root_max_duration_s: int
    deny_blocks_get_session_token: bool
    role_session_s: int
    chained_session_s: int
    session_name_min_length: int
    session_name_length: int
    session_policy_size: int
    signature_skew_s: int

    account_id_digits: int
    alias_min_length: int
    alias_length: int
    user_id_prefix: str
    user_id_length: int
    group_id_prefix: str
    role_id_prefix: str
    policy_id_prefix: str
    access_key_prefix: str
    session_key_prefix: str
    access_key_id_length: int
    secret_access_key_bytes: int
    session_token_bytes: int
    access_keys_per_user: int
    users_per_account: int
    user_policies_size: int
    access_key_last_used_s: int

    group_name_length: int
    groups_per_account: int
    groups_per_user: int
    group_policies_size: int
    role_name_length: int
    roles_per_account: int
    role_policies_size: int
    trust_policy_size: int
    policies_per_account: int
    policy_versions: int
    managed_policy_size: int
    attached_policies: int
    password_policy_min_length: int
    password_reuse_max: int
    credential_report_s: int

    texts: Mapping[str, str]
    _provenance: Mapping[str, Provenance]

    @classmethod
    def load(cls, name_or_path: str | Path = "aws-2026") -> ServiceProfile:
        """Load a packaged profile by name, or a file that holds one (a path ending in ``.toml``)."""
        tables = _packaged()
        name = str(name_or_path)
        if name.endswith(".toml"):
            name, own = _read_own(Path(name_or_path))
            tables = {**tables, name: own}
        elif name not in tables:
            known = ", ".join(sorted(tables))
            raise ProfileError(f"no service profile {name!r}; known are {known}, or give a .toml file")
        return _build(name, _inherit(name, tables))

    def with_values(self, **values: object) -> ServiceProfile:
        """The same AWS with some values otherwise; ProfileError for one that there is not, or cannot be."""
        if not values:
            return self
        hints = _hints()
        if unknown := sorted(values.keys() - hints.keys()):
            raise ProfileError(f"profile {self.name}: {unknown[0]} is not a value the service has")
        checked = {key: _value(self.name, key, value, hints[key]) for key, value in values.items()}
        origins = dict.fromkeys(checked, Provenance(status="assumed", source="set for this run"))
        return replace(self, **checked, _provenance={**self._provenance, **origins})

    def say(self, text: str, /, **names: object) -> Said:
        """AWS's wording called ``text``, with the names in braces filled in."""
        return say(self.texts[text], **names)

    def provenance(self, name: str) -> Provenance:
        """Where the value or text called ``name`` comes from; ``KeyError`` if there is none."""
        return self._provenance[name]

    def provenances(self) -> Mapping[str, Provenance]:
        """Every value's and text's name with where it comes from, in the file's order."""
        return self._provenance


def profile_names() -> list[str]:
    """The packaged profiles."""
    return sorted(_packaged())


@cache
def _packaged() -> Mapping[str, dict[str, Any]]:
    return _read(files(__package__).joinpath(_PACKAGED).read_text("utf-8"), _PACKAGED)


def _read(text: str, where: str) -> dict[str, dict[str, Any]]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{where} is not TOML: {error}") from error
    loose = [name for name, table in document.items() if not isinstance(table, dict)]
    if loose:
        raise ProfileError(f"{where}: {loose[0]} stands outside a profile; write it under a [name] header")
    return document


def _read_own(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        tables = _read(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"cannot read the service profile {path}: {error}") from error
    if len(tables) != 1:
        raise ProfileError(f"{path} must hold one table, the profile; it holds {len(tables)}")
    return next(iter(tables.items()))


def _inherit(name: str, tables: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The profile's table laid over its base's, and so on down."""
    chain = [name]
    while (base := tables[chain[-1]].get("base")) is not None:
        if base not in tables:
            raise ProfileError(f"profile {chain[-1]}: its base {base!r} is not a profile")
        if base in chain:
            raise ProfileError(f"profile {name}: its bases go in a circle ({' -> '.join([*chain, base])})")
        chain.append(base)
    values: dict[str, Any] = {}
    texts: dict[str, Any] = {}
    for link in reversed(chain):
        table = dict(tables[link])
        table.pop("base", None)
        texts |= table.pop("texts", {})
        values |= table
    return {**values, "texts": texts}


def _build(name: str, table: dict[str, Any]) -> ServiceProfile:
    texts = table.pop("texts")
    hints = _hints()
    if unknown := sorted(table.keys() - hints.keys()):
        raise ProfileError(f"profile {name}: {unknown[0]} is not a value the service has")
    if missing := [field for field in hints if field not in table]:
        raise ProfileError(f"profile {name}: {missing[0]} is missing; give it, or a base that has it")
    origins = {key: _provenance(name, key, entry) for key, entry in {**table, **texts}.items()}
    values = {key: _value(name, key, entry["value"], hints[key]) for key, entry in table.items()}
    words = {key: _text(name, key, entry["value"]) for key, entry in texts.items()}
    return ServiceProfile(name=name, texts=words, _provenance=origins, **values)


@cache
def _hints() -> dict[str, Any]:
    hints = get_type_hints(ServiceProfile)
    return {field: hint for field, hint in hints.items() if field not in _NOT_VALUES}


def _provenance(name: str, key: str, entry: Any) -> Provenance:
    match entry:
        case {"value": _, "status": "verified" | "assumed" as status, "source": str(source)} if source:
            return Provenance(status=status, source=source)
        case _:
            raise ProfileError(
                f"profile {name}: {key} must be a table of value, status (verified or assumed) and source"
            )


def _value(name: str, key: str, value: Any, hint: Any) -> Any:
    """``value`` as the field's type has it; TOML knows lists where the profile holds tuples."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal and value in arguments:
        return value
    if origin is tuple and isinstance(value, list) and all(type(item) is arguments[0] for item in value):
        return tuple(value)
    if type(value) is hint and (hint is not int or value >= 0):
        return value
    wanted = f"one of {', '.join(arguments)}" if origin is Literal else _WORDS.get(hint, "a list")
    raise ProfileError(f"profile {name}: {key} = {value!r}; it must be {wanted}")


def _text(name: str, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ProfileError(f"profile {name}: the text {key} must be a string")
    try:
        list(string.Formatter().parse(value))
    except ValueError as error:
        raise ProfileError(f"profile {name}: the text {key} has a stray brace: {error}") from error
    return value
