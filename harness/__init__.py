"""The judging side: an AWS-style relying party, the platform between, and the scenarios that drive both."""
