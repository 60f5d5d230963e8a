"""Registering FIDO security keys: the console's alone (S0, S1)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from harness.service import webauthn_rules
from harness.service.device_limits import refuse_another_device, refuse_taken_name, require_existing_device
from harness.service.directory import check_name, target
from harness.service.environment import Environment
from harness.service.errors import AccessDenied, InvalidInput
from harness.service.model import Caller, Challenge, FidoSecurityKey, PendingRegistration, User, user_key
from harness.service.store import Transaction
from harness.service.webauthn_rules import Registered

_CONDITION_KEYS = {
    "FIDO": "iam:FIDO-certification",
    "FIPS-140-2": "iam:FIDO-FIPS-140-2-certification",
    "FIPS-140-3": "iam:FIDO-FIPS-140-3-certification",
}


class SecurityKeys:
    """The two halves of a registration, for one's own user, another or root."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def begin_security_key_registration(
        self, caller: Caller, user_name: str | None, device_name: str
    ) -> dict[str, Any]:
        """WebAuthn creation options. What the same caller began before for the same user is void.

        Only the user's own keys are excluded: one key serves many users (S1).
        """
        with (
            self._acting(caller, user_name, ends=False),
            self._environment.store.transaction() as transaction,
        ):
            check_name(self._profile, "deviceName", device_name, self._profile.device_name_length)
            user = self._target(transaction, caller, user_name, "Create")
            require_existing_device(self._profile, transaction, caller, user)
            refuse_another_device(self._profile, transaction, user)
            refuse_taken_name(self._profile, transaction, user.account_id, device_name)
            challenge = self._environment.new_challenge()
            transaction.put(_pending(caller, user, device_name, challenge))
            keys = transaction.list(FidoSecurityKey, account_id=user.account_id, user_name=user.name)
        return webauthn_rules.creation_options(
            self._environment.expectations(user, challenge), user.name, keys
        )

    def finish_security_key_registration(
        self, caller: Caller, user_name: str | None, device_name: str, response_json: str
    ) -> FidoSecurityKey:
        """Enable the key that answered; InvalidInput if refused. The challenge is spent either way.

        The caller needs permission for what the key's metadata says of its certification.
        """
        with self._acting(caller, user_name) as told:
            user, challenge = self._begun(caller, user_name, device_name)
            outcome = webauthn_rules.check_registration(
                response_json, self._environment.expectations(user, challenge)
            )
            certifications = outcome.certifications if isinstance(outcome, Registered) else {}
            with self._environment.store.transaction() as transaction:
                user = self._target(transaction, caller, user_name, "Activate", certifications)
            if not isinstance(outcome, Registered):
                told["diagnosis"] = outcome.diagnosis
                raise InvalidInput(self._profile.say("security_key_refused"))
            key = self._enable(caller, user, device_name, outcome)
            told["serialNumber"] = key.serial_number
            return key

    def _begun(
        self, caller: Caller, user_name: str | None, device_name: str
    ) -> tuple[User, Challenge | None]:
        """Whose registration it is, and the challenge in play, which is spent from now on."""
        with self._environment.store.transaction() as transaction:
            user = transaction.get(User, user_key(caller.account_id, user_name or caller.user.name))
            if user is None or caller.via != "console":
                user = self._target(transaction, caller, user_name, "Activate")
            pending = transaction.get(PendingRegistration, _pending(caller, user, device_name).key)
            if pending is not None:
                transaction.delete(pending)
        return user, pending.challenge if pending and pending.device_name == device_name else None

    def _enable(
        self, caller: Caller, user: User, device_name: str, registered: Registered
    ) -> FidoSecurityKey:
        template = self._profile.root_security_key_arn if user.root else self._profile.security_key_arn
        key = FidoSecurityKey(
            serial_number=template.format(
                account_id=user.account_id,
                user_name=user.name,
                name=device_name,
                suffix=self._environment.new.security_key_suffix(),
            ),
            name=device_name,
            account_id=user.account_id,
            user_name=user.name,
            enabled_at=self._environment.clock(),
            credential_id=registered.credential_id,
            public_key=registered.public_key,
            sign_count=registered.sign_count,
            aaguid=registered.aaguid,
            attestation_format=registered.attestation_format,
            transports=registered.transports,
            backup_eligible=registered.backup_eligible,
            backed_up=registered.backed_up,
            certifications=registered.certifications,
        )
        with self._environment.store.transaction() as transaction:
            require_existing_device(self._profile, transaction, caller, user)
            refuse_another_device(self._profile, transaction, user)
            refuse_taken_name(self._profile, transaction, user.account_id, device_name)
            # WebAuthn §7.1 step 26: no credential ID twice, whoever's.
            if transaction.find(FidoSecurityKey, f"credential {key.credential_id.hex()}") is not None:
                raise InvalidInput(self._profile.say("security_key_refused"))
            transaction.put(key)
        return key

    def _target(
        self,
        transaction: Transaction,
        caller: Caller,
        user_name: str | None,
        state: str,
        certifications: Mapping[str, str] | None = None,
    ) -> User:
        if caller.via != "console":
            raise AccessDenied(self._profile.say("security_key_console_only"))
        # Service Authorization Reference, "Condition keys for AWS IAM".
        levels = {
            key: certifications[name]
            for name, key in _CONDITION_KEYS.items()
            if certifications and name in certifications
        }
        return target(
            self._environment,
            transaction,
            caller,
            user_name,
            "iam:EnableMFADevice",
            {"iam:RegisterSecurityKey": state, **levels},
        )

    def _acting(
        self, caller: Caller, user_name: str | None, *, ends: bool = True
    ) -> AbstractContextManager[dict[str, str]]:
        whose = user_name or caller.user.name
        return self._environment.acting("EnableMFADevice", caller, ends=ends, userName=whose)


def _pending(
    caller: Caller, user: User, device_name: str, challenge: Challenge | None = None
) -> PendingRegistration:
    return PendingRegistration(
        account_id=user.account_id,
        user_name=user.name,
        caller_arn=caller.arn,
        device_name=device_name,
        challenge=challenge or Challenge(value=b"", expires_at=0.0),
    )
