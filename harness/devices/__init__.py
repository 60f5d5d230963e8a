"""The devices under test, behind two protocols: a FIDO key and a TOTP token, emulated or real."""
