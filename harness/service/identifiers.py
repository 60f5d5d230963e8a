"""The identifiers AWS hands out: account and user IDs, keys. Their sizes are the profile's."""

from __future__ import annotations

import base64
from collections.abc import Callable

from harness.service.profile import ServiceProfile


class Identifiers:
    """Mints identifiers from ``random_bytes``."""

    def __init__(self, profile: ServiceProfile, random_bytes: Callable[[int], bytes]) -> None:
        self._profile = profile
        self._random_bytes = random_bytes

    def account_id(self) -> str:
        """Twelve digits, not beginning with a zero."""
        low = 10 ** (self._profile.account_id_digits - 1)
        return str(low + self._number() % (9 * low))

    def user_id(self) -> str:
        """``AIDA…``."""
        return self._prefixed(self._profile.user_id_prefix, self._profile.user_id_length)

    def group_id(self) -> str:
        """``AGPA…``."""
        return self._prefixed(self._profile.group_id_prefix, self._profile.user_id_length)

    def role_id(self) -> str:
        """``AROA…``."""
        return self._prefixed(self._profile.role_id_prefix, self._profile.user_id_length)

    def policy_id(self) -> str:
        """``ANPA…``."""
        return self._prefixed(self._profile.policy_id_prefix, self._profile.user_id_length)

    def access_key_id(self) -> str:
        """``AKIA…``: a long-term access key."""
        return self._prefixed(self._profile.access_key_prefix, self._profile.access_key_id_length)

    def session_key_id(self) -> str:
        """``ASIA…``: temporary credentials."""
        return self._prefixed(self._profile.session_key_prefix, self._profile.access_key_id_length)

    def secret_access_key(self) -> str:
        """The secret of either."""
        return base64.b64encode(self._random_bytes(self._profile.secret_access_key_bytes)).decode()

    def session_token(self) -> str:
        """What goes with temporary credentials."""
        return base64.b64encode(self._random_bytes(self._profile.session_token_bytes)).decode()

    def sign_in_session_id(self) -> str:
        """A bearer secret for a cookie: 256 bits, safe in a URL."""
        return base64.urlsafe_b64encode(self._random_bytes(32)).rstrip(b"=").decode()

    def security_key_suffix(self) -> str:
        """What tells the serial numbers of security keys of one name apart."""
        return self._base32(self._profile.security_key_suffix_length)

    def recovery_code(self) -> str:
        """The digits to type on the phone."""
        digits = self._profile.recovery_code_digits
        return f"{self._number() % 10**digits:0{digits}}"

    def message_id(self) -> str:
        """Names a message in the outbox; no secret."""
        return self._base32(self._profile.security_key_suffix_length)

    def _prefixed(self, prefix: str, length: int) -> str:
        return prefix + self._base32(length - len(prefix))

    def _base32(self, length: int) -> str:
        return base64.b32encode(self._random_bytes(length)).decode()[:length]

    def _number(self) -> int:
        return int.from_bytes(self._random_bytes(16))
