"""A conformance suite for any security key; each test is proved by a key that is broken where it looks."""
