"""``keyrig metadata``, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner
from cryptography import x509

from emulator.profile import Profile, profile_names
from emulator.publish import metadata


def test_statements_and_certificates_are_written(tmp_path: Path) -> None:
    done = CliRunner().invoke(metadata, [str(tmp_path / "mds")])
    assert done.exit_code == 0, done.output
    written = {path.name: path.read_bytes() for path in (tmp_path / "mds").iterdir()}
    for name in profile_names():
        profile = Profile.load(name)
        statement = json.loads(written[f"{name}.json" if profile.ctap2 else f"{name}-u2f.json"])
        assert profile.title in statement["description"]
    root = x509.load_pem_x509_certificate(written["root.pem"])
    x509.load_pem_x509_certificate(written["intermediate.pem"]).verify_directly_issued_by(root)


def test_one_profile_alone_can_be_asked_for(tmp_path: Path) -> None:
    done = CliRunner().invoke(metadata, [str(tmp_path), "--profile", "passkey"])
    assert done.exit_code == 0, done.output
    assert {path.name for path in tmp_path.iterdir()} == {"root.pem", "intermediate.pem", "passkey.json"}


def test_unknown_profile_and_a_file_in_the_way_are_one_line_each(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for arguments, word in (
        ([str(tmp_path), "--profile", "nope"], "unknown profile 'nope'"),
        ([str(tmp_path / "file" / "mds")], "cannot write to"),
    ):
        done = CliRunner().invoke(metadata, arguments)
        assert done.exit_code == 2
        assert word in done.output
        assert "Traceback" not in done.output
