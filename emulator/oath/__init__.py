"""OATH one-time passwords."""
