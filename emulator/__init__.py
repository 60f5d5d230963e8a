"""The device side: an emulated FIDO security key and an emulated TOTP token, as sans-IO cores."""
