"""The device side: an emulated FIDO security key and an emulated TOTP token, as sans-IO cores."""

from emulator.clock import DriftingClock, ManualClock
from emulator.profile import Profile
from emulator.security_key import SecurityKey
from emulator.totp_token import TotpToken

__all__ = ["DriftingClock", "ManualClock", "Profile", "SecurityKey", "TotpToken"]
