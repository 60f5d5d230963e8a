"""An AWS-style relying party: IAM users, MFA devices, sign-in, and the API and console over them."""
