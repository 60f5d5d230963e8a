"""The AWS values: each with its source, all of them used, and a bad file refused in one line."""

from __future__ import annotations

import ast
import re
import string
from dataclasses import fields
from pathlib import Path

import pytest

import harness.service
from harness.service.profile import ProfileError, ServiceProfile, profile_names

SERVICE = Path(harness.service.__file__).parent
# The files that play AWS; what they know of it in numbers must come from the profile.
VERBS = [
    *(
        "access_keys",
        "account_details",
        "accounts",
        "attachments",
        "authorization",
        "credential_report",
        "device_limits",
    ),
    *("directory", "groups", "identity", "inline_policies", "login_profiles", "managed_policies"),
    *("mfa_codes", "mfa_devices", "password_policy", "passwords", "permissions", "refusals"),
    *("role_sessions", "roles", "security_keys", "sign_in", "simulation", "sts", "users"),
]


def sources(names: list[str]) -> dict[str, ast.Module]:
    return {name: ast.parse((SERVICE / f"{name}.py").read_text("utf-8")) for name in names}


def test_todays_aws_and_that_of_the_u2f_page_differ_in_how_many_devices_a_user_may_have() -> None:
    assert profile_names() == ["aws-2020", "aws-2026", "aws-2026-strict"]
    today, then = ServiceProfile.load(), ServiceProfile.load("aws-2020")
    assert (today.name, today.max_devices) == ("aws-2026", 8)
    assert (then.name, then.max_devices) == ("aws-2020", 1)
    assert then.look_ahead == today.look_ahead
    assert then.texts == today.texts
    assert then.provenance("max_devices").source.startswith("S0")
    assert (then.user_verification, then.public_key_algorithms) == ("discouraged", (-7,))


def test_the_strict_profile_refuses_late_pairs_and_differs_in_nothing_else() -> None:
    strict = ServiceProfile.load("aws-2026-strict")
    assert (ServiceProfile.load().late_pair, strict.late_pair) == ("associate-out-of-sync", "refuse")
    unlike = {"name", "late_pair", "late_after", "_provenance"}
    same = [field.name for field in fields(strict) if field.name not in unlike]
    assert all(getattr(strict, name) == getattr(ServiceProfile.load(), name) for name in same)


def test_values_may_be_other_than_a_profiles_for_a_while() -> None:
    profile = ServiceProfile.load().with_values(totp_learns=True)
    assert profile.totp_learns
    assert profile.provenance("totp_learns").status == "assumed"
    assert not ServiceProfile.load().totp_learns


def test_values_that_no_profile_has_are_refused() -> None:
    with pytest.raises(ProfileError, match="totp_learn is not a value the service has"):
        ServiceProfile.load().with_values(totp_learn=True)
    with pytest.raises(ProfileError, match="late_pair = 'never'; it must be one of"):
        ServiceProfile.load().with_values(late_pair="never")


@pytest.mark.parametrize("name", profile_names())
def test_every_value_and_text_is_verified_by_a_source_or_assumed_with_a_reason(name: str) -> None:
    profile = ServiceProfile.load(name)
    values = {field.name for field in fields(profile)} - {"name", "texts", "_provenance"}
    assert values | profile.texts.keys() == profile.provenances().keys()
    for value, provenance in profile.provenances().items():
        assert provenance.status in ("verified", "assumed"), value
        assert len(provenance.source) > 3, value


def test_what_the_facts_call_unknown_is_marked_assumed() -> None:
    profile = ServiceProfile.load()
    for name in ("totp_window", "look_ahead", "user_verification", "attestation", "device_assigned"):
        assert profile.provenance(name).status == "assumed", name


def test_the_verbs_hold_no_numbers_of_their_own() -> None:
    for name, tree in sources(VERBS).items():
        numbers = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and type(node.value) in (int, float)
        }
        if name == "authorization":
            numbers.discard(256)  # how many parsed policies are kept at hand
        assert numbers <= {0, 1}, f"{name}.py: {numbers}"


def test_every_value_is_used_and_every_text_is_said() -> None:
    files = [*SERVICE.glob("*.py"), *SERVICE.glob("operations/*.py")]
    names = [str(path.relative_to(SERVICE).with_suffix("")) for path in files if path.stem != "profile"]
    used, said = set(), set()
    for tree in sources(names).values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                used.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.add(node.value)
    profile = ServiceProfile.load()
    assert {field.name for field in fields(profile)} - {"_provenance", "name"} - used <= {"texts"}
    assert profile.texts.keys() - said == set()


def test_every_text_can_be_said_with_the_names_its_verbs_give() -> None:
    profile = ServiceProfile.load()
    for tree in sources(VERBS).values():
        for node in ast.walk(tree):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="say"), args=[ast.Constant(value=str(text))], keywords=keywords
                ):
                    wanted = {name for _, name, _, _ in string.Formatter().parse(profile.texts[text]) if name}
                    assert wanted <= {keyword.arg for keyword in keywords}, text


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    return path


MINE = '[mine]\nbase = "aws-2026"\n'


def entry(name: str, value: str, status: str = "assumed") -> str:
    return f'{name} = {{ value = {value}, status = "{status}", source = "ours" }}\n'


def test_a_file_of_ones_own_starts_from_a_packaged_profile(tmp_path: Path) -> None:
    own = MINE + entry("late_pair", '"refuse"') + "[mine.texts]\n" + entry("device_exists", '"taken"')
    profile = ServiceProfile.load(write(tmp_path, own))
    assert (profile.name, profile.late_pair, profile.max_devices) == ("mine", "refuse", 8)
    assert profile.say("device_exists") == "taken"
    assert profile.provenance("late_pair").source == "ours"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[mine", "is not TOML"),
        ("max_devices = 8", "stands outside a profile"),
        ("", "must hold one table"),
        ("[a]\n[b]\n", "must hold one table"),
        ("[mine]\n", "max_devices is missing"),
        ('[mine]\nbase = "aws-1999"\n', "its base 'aws-1999' is not a profile"),
        ('[mine]\nbase = "mine"\n', r"its bases go in a circle \(mine -> mine\)"),
        (MINE + entry("max_fingers", "1"), "max_fingers is not a value"),
        (MINE + "max_devices = 8\n", "max_devices must be a table of value, status"),
        (MINE + entry("max_devices", "8", "guessed"), "max_devices must be a table of value, status"),
        (MINE + entry("max_devices", '"8"'), "max_devices = '8'; it must be a whole number"),
        (MINE + entry("max_devices", "-1"), "max_devices = -1; it must be a whole number of zero or more"),
        (MINE + entry("max_devices", "true"), "max_devices = True; it must be a whole number"),
        (MINE + entry("totp_learns", "1"), "totp_learns = 1; it must be true or false"),
        (MINE + entry("late_pair", '"maybe"'), "it must be one of associate-out-of-sync, refuse"),
        (MINE + entry("public_key_algorithms", '["a"]'), "it must be a list"),
        (MINE + "[mine.texts]\n" + entry("user_exists", '"{"'), "the text user_exists has a stray brace"),
        (MINE + "[mine.texts]\n" + entry("user_exists", "1"), "the text user_exists must be a string"),
    ],
)
def test_a_bad_profile_is_refused_in_one_line_that_names_the_place(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(ProfileError, match=complaint) as refused:
        ServiceProfile.load(write(tmp_path, text))
    assert "\n" not in str(refused.value)


def test_an_unknown_profile_is_refused_with_the_names_of_the_known_ones() -> None:
    with pytest.raises(ProfileError, match=re.escape("known are aws-2020, aws-2026, aws-2026-strict")):
        ServiceProfile.load("aws-1999")


def test_a_profile_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="cannot read"):
        ServiceProfile.load(tmp_path / "absent.toml")
    (tmp_path / "latin.toml").write_bytes(b"\xff")
    with pytest.raises(ProfileError, match="cannot read"):
        ServiceProfile.load(tmp_path / "latin.toml")
