"""The proof of the suite: each test fails on a key that is broken where it looks, each fault is caught."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from emulator.faults import FAULTS
from emulator.profile import profile_names

PROFILES = ["ctap23", "enterprise", "biometric", "ctap20", "synced-passkey", "security-key", "passkey"]
"""Those that together reach every test, with one that is not packaged: CTAP2 attested as U2F is."""
ATTESTED_AS_U2F = """
title = "Attested as U2F is"
versions = ["FIDO_2_0"]
aaguid = "5c6e5b1e-6b0d-4b0e-9f5d-5a2f0c1d7e42"
attestation = "fido-u2f"
"""


@pytest.fixture(scope="module")
def proofs(
    conform_each: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Any]:
    file = tmp_path_factory.mktemp("profile") / "attested-as-u2f.toml"
    file.write_text(ATTESTED_AS_U2F)
    return conform_each([f"emulated:{name}" for name in [*PROFILES, file]], "--prove")


@pytest.fixture(scope="module")
def matrix(proofs: Mapping[str, Any]) -> Mapping[str, list[str]]:
    """By test, the faults that it was seen to catch."""
    found: dict[str, list[str]] = {}
    for proof in proofs.values():
        for test in proof.tests:
            caught = found.setdefault(test["identifier"], [])
            caught += [fault for fault in test["faults"] if fault not in caught]
    return found


def test_every_test_catches_each_fault_that_it_names(
    proofs: Mapping[str, Any], matrix: Mapping[str, list[str]]
) -> None:
    missed = {
        (test["identifier"], fault)
        for proof in proofs.values()
        for test in proof.tests
        for fault in test["missed"]
    }
    assert [(test, fault) for test, fault in sorted(missed) if fault not in matrix[test]] == []


def test_every_test_fails_on_a_broken_key(
    matrix: Mapping[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print()
        for identifier, faults in sorted(matrix.items()):
            print(f"{identifier:<34} {', '.join(faults) or 'NOTHING'}")
        print(f"{len(matrix)} tests, {len(FAULTS)} faults")
    assert [identifier for identifier, faults in matrix.items() if not faults] == []


def test_every_fault_is_caught_by_a_test(matrix: Mapping[str, list[str]]) -> None:
    caught = {fault for faults in matrix.values() for fault in faults}
    assert [fault.name for fault in FAULTS if fault.name not in caught] == []


def test_every_test_has_an_identifier_of_its_own_a_section_and_a_sentence(proofs: Mapping[str, Any]) -> None:
    for proof in proofs.values():
        repeated = Counter(test["identifier"] for test in proof.tests)
        assert [identifier for identifier, times in repeated.items() if times > 1] == []
        for test in proof.tests:
            assert test["section"], f"{test['identifier']} rests on no section"
            assert test["title"].endswith("."), (
                f"{test['identifier']} does not say in a sentence what must hold"
            )
            assert test["identifier"][0].isupper(), f"{test['identifier']} has no spec marker"


def test_there_are_as_many_tests_as_a_suite_takes(matrix: Mapping[str, list[str]]) -> None:
    assert len(matrix) >= 350


def test_every_profile_passes_in_full(conform_each: Callable[..., dict[str, Any]]) -> None:
    runs = conform_each([f"emulated:{name}" for name in profile_names()])
    assert {key: run.failures for key, run in runs.items() if run.failures or run.code} == {}
    assert all(any(test["outcome"] == "passed" for test in run.tests) for run in runs.values())
