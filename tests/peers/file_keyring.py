"""Where ykman remembers passwords in the tests: a desktop's keyring, as a file."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend


class FileKeyring(KeyringBackend):
    """Keeps all in the file that the environment variable ``FILE_KEYRING`` names."""

    priority = 1

    def _kept(self) -> dict[str, str]:
        path = Path(os.environ["FILE_KEYRING"])
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def get_password(self, service: str, username: str) -> str | None:
        return self._kept().get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        kept = {**self._kept(), f"{service}/{username}": password}
        Path(os.environ["FILE_KEYRING"]).write_text(json.dumps(kept))
