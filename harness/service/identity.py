"""The service's verbs behind one façade: what the API and the console hold."""

from __future__ import annotations

import os
from collections.abc import Callable

import argon2

from emulator.clock import Clock
from harness.service.access_keys import AccessKeys
from harness.service.accounts import Accounts
from harness.service.audit import Audit
from harness.service.environment import Environment
from harness.service.events import Trail
from harness.service.login_profiles import LoginProfiles
from harness.service.mfa_devices import MfaDevices
from harness.service.passwords import Passwords
from harness.service.profile import ServiceProfile
from harness.service.security_keys import SecurityKeys
from harness.service.sign_in import SignIn
from harness.service.store import AccountStore
from harness.service.sts import Sts
from harness.service.user_policies import UserPolicies
from harness.service.users import Users


class Identity:
    """Accounts, users, MFA devices and sign-in. The documentation of each verb is where it is made.

    ``clock`` is the world's: codes, sessions, replay and lockouts go by it. ``random_bytes`` makes secrets
    and identifiers, so that a seeded world can be repeated. ``origins`` are the web origins at which WebAuthn
    ceremonies may run; a server adds its own once it knows its port. ``password_hasher`` costs what
    argon2-cffi recommends unless a lighter one is given. ``events`` is the audit trail, oldest first;
    one that is given may keep it in a file.
    """

    def __init__(
        self,
        store: AccountStore,
        *,
        clock: Clock,
        profile: ServiceProfile | None = None,
        random_bytes: Callable[[int], bytes] = os.urandom,
        rp_id: str = "localhost",
        password_hasher: argon2.PasswordHasher | None = None,
        events: Trail | None = None,
    ) -> None:
        environment = Environment(
            store=store,
            clock=clock,
            profile=ServiceProfile.load() if profile is None else profile,
            random_bytes=random_bytes,
            passwords=Passwords(password_hasher),
            rp_id=rp_id,
            events=Trail() if events is None else events,
        )
        self.clock = environment.clock
        self.profile = environment.profile
        self.rp_id = environment.rp_id
        self.origins = environment.origins
        self.events = environment.events

        audit = Audit(environment)
        self.audited_call = audit.audited_call
        self.lookup_events = audit.lookup_events

        accounts = Accounts(environment)
        self.create_account = accounts.create_account
        self.root_user = accounts.root_user
        self.root_caller = accounts.root_caller
        self.get_account_summary = accounts.get_account_summary
        self.list_account_aliases = accounts.list_account_aliases
        self.create_account_alias = accounts.create_account_alias
        self.delete_account_alias = accounts.delete_account_alias

        users = Users(environment)
        self.create_user = users.create_user
        self.get_user = users.get_user
        self.list_users = users.list_users
        self.delete_user = users.delete_user

        login_profiles = LoginProfiles(environment)
        self.create_login_profile = login_profiles.create_login_profile
        self.get_login_profile = login_profiles.get_login_profile
        self.update_login_profile = login_profiles.update_login_profile
        self.delete_login_profile = login_profiles.delete_login_profile
        self.change_password = login_profiles.change_password

        access_keys = AccessKeys(environment)
        self.secret_of_access_key = access_keys.secret_of_access_key
        self.caller_for_access_key = access_keys.caller_for_access_key
        self.create_access_key = access_keys.create_access_key
        self.list_access_keys = access_keys.list_access_keys
        self.update_access_key = access_keys.update_access_key
        self.delete_access_key = access_keys.delete_access_key

        policies = UserPolicies(environment)
        self.put_user_policy = policies.put_user_policy
        self.get_user_policy = policies.get_user_policy
        self.list_user_policies = policies.list_user_policies
        self.delete_user_policy = policies.delete_user_policy

        devices = MfaDevices(environment)
        self.import_hardware_token = devices.import_hardware_token
        self.create_virtual_mfa_device = devices.create_virtual_mfa_device
        self.provisioning_uri = devices.provisioning_uri
        self.delete_virtual_mfa_device = devices.delete_virtual_mfa_device
        self.enable_mfa_device = devices.enable_mfa_device
        self.resync_mfa_device = devices.resync_mfa_device
        self.deactivate_mfa_device = devices.deactivate_mfa_device
        self.list_mfa_devices = devices.list_mfa_devices
        self.list_virtual_mfa_devices = devices.list_virtual_mfa_devices
        self.get_mfa_device = devices.get_mfa_device
        self.tag_mfa_device = devices.tag_mfa_device
        self.untag_mfa_device = devices.untag_mfa_device
        self.list_mfa_device_tags = devices.list_mfa_device_tags

        security_keys = SecurityKeys(environment)
        self.begin_security_key_registration = security_keys.begin_security_key_registration
        self.finish_security_key_registration = security_keys.finish_security_key_registration

        sign_in = SignIn(environment)
        self.sign_in = sign_in.sign_in
        self.sign_in_root = sign_in.sign_in_root
        self.mfa_methods = sign_in.mfa_methods
        self.present_code = sign_in.present_code
        self.begin_assertion = sign_in.begin_assertion
        self.finish_assertion = sign_in.finish_assertion
        self.resync_and_sign_in = sign_in.resync_and_sign_in
        self.resync_before_sign_in = sign_in.resync_before_sign_in
        self.session = sign_in.session
        self.sign_out = sign_in.sign_out
        self.console_caller = sign_in.console_caller

        sts = Sts(environment)
        self.get_session_token = sts.get_session_token
        self.get_caller_identity = sts.get_caller_identity
