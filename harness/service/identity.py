"""The service's verbs behind one façade: what the API and the console hold."""

from __future__ import annotations

import os
from collections.abc import Callable

import argon2

from emulator.clock import Clock
from harness.service.access_keys import AccessKeys
from harness.service.account_details import Details
from harness.service.accounts import Accounts
from harness.service.attachments import Attachments
from harness.service.audit import Audit
from harness.service.boundaries import Boundaries
from harness.service.contacts import Contacts
from harness.service.credential_report import CredentialReports
from harness.service.environment import Environment
from harness.service.events import Trail
from harness.service.groups import Groups
from harness.service.inline_policies import GROUP, ROLE, USER, InlinePolicies
from harness.service.key_metadata import KeyMetadata
from harness.service.login_profiles import LoginProfiles
from harness.service.managed_policies import ManagedPolicies
from harness.service.mfa_devices import MfaDevices
from harness.service.outbox import Outbox
from harness.service.passwords import Passwords
from harness.service.profile import ServiceProfile
from harness.service.recovery import Recovery
from harness.service.role_sessions import RoleSessions
from harness.service.roles import Roles
from harness.service.security_keys import SecurityKeys
from harness.service.sessions import Sessions
from harness.service.sign_in import SignIn
from harness.service.simulation import Simulation
from harness.service.store import AccountStore
from harness.service.sts import Sts
from harness.service.support import Support
from harness.service.tagging import Tagging
from harness.service.totp_limits import TotpLimits
from harness.service.users import Users


class Identity:
    """Accounts, users, MFA devices and sign-in. The documentation of each verb is where it is made.

    ``clock`` is the world's: codes, sessions, replay and lockouts go by it. ``random_bytes`` makes secrets
    and identifiers, so that a seeded world can be repeated. ``origins`` are the web origins at which WebAuthn
    ceremonies may run; a server adds its own once it knows its port. ``password_hasher`` costs what
    argon2-cffi recommends unless a lighter one is given. ``events`` is the audit trail, oldest first;
    one that is given may keep it in a file. ``metadata`` is what is known of models of security keys.
    ``totp_limits`` judges TOTP codes by another server's rule than the profile's.
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
        metadata: KeyMetadata | None = None,
        totp_limits: TotpLimits | None = None,
    ) -> None:
        environment = Environment(
            store=store,
            clock=clock,
            profile=ServiceProfile.load() if profile is None else profile,
            random_bytes=random_bytes,
            passwords=Passwords(password_hasher),
            rp_id=rp_id,
            events=Trail() if events is None else events,
            metadata=metadata or KeyMetadata(),
        )
        environment.totp_limits = totp_limits or environment.totp_limits
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
        self.get_account_password_policy = accounts.get_account_password_policy
        self.update_account_password_policy = accounts.update_account_password_policy
        self.delete_account_password_policy = accounts.delete_account_password_policy

        users = Users(environment)
        self.create_user = users.create_user
        self.get_user = users.get_user
        self.list_users = users.list_users
        self.update_user = users.update_user
        self.delete_user = users.delete_user
        self.list_ssh_public_keys = users.list_ssh_public_keys
        self.list_signing_certificates = users.list_signing_certificates
        self.list_service_specific_credentials = users.list_service_specific_credentials

        groups = Groups(environment)
        self.create_group = groups.create_group
        self.get_group = groups.get_group
        self.list_groups = groups.list_groups
        self.list_groups_for_user = groups.list_groups_for_user
        self.update_group = groups.update_group
        self.delete_group = groups.delete_group
        self.add_user_to_group = groups.add_user_to_group
        self.remove_user_from_group = groups.remove_user_from_group

        roles = Roles(environment)
        self.create_role = roles.create_role
        self.get_role = roles.get_role
        self.list_roles = roles.list_roles
        self.update_role = roles.update_role
        self.update_assume_role_policy = roles.update_assume_role_policy
        self.delete_role = roles.delete_role
        self.list_instance_profiles_for_role = roles.list_instance_profiles_for_role

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
        self.get_access_key_last_used = access_keys.get_access_key_last_used
        self.update_access_key = access_keys.update_access_key
        self.delete_access_key = access_keys.delete_access_key

        inline, attached = InlinePolicies(environment, USER), Attachments(environment, USER)
        self.put_user_policy = inline.put
        self.get_user_policy = inline.get
        self.list_user_policies = inline.list
        self.delete_user_policy = inline.delete
        self.attach_user_policy = attached.attach
        self.detach_user_policy = attached.detach
        self.list_attached_user_policies = attached.list

        tagging = Tagging(environment, USER)
        self.tag_user = tagging.tag
        self.untag_user = tagging.untag
        self.list_user_tags = tagging.list

        boundaries = Boundaries(environment, USER)
        self.put_user_permissions_boundary = boundaries.put
        self.delete_user_permissions_boundary = boundaries.delete

        inline, attached = InlinePolicies(environment, GROUP), Attachments(environment, GROUP)
        self.put_group_policy = inline.put
        self.get_group_policy = inline.get
        self.list_group_policies = inline.list
        self.delete_group_policy = inline.delete
        self.attach_group_policy = attached.attach
        self.detach_group_policy = attached.detach
        self.list_attached_group_policies = attached.list

        inline, attached = InlinePolicies(environment, ROLE), Attachments(environment, ROLE)
        self.put_role_policy = inline.put
        self.get_role_policy = inline.get
        self.list_role_policies = inline.list
        self.delete_role_policy = inline.delete
        self.attach_role_policy = attached.attach
        self.detach_role_policy = attached.detach
        self.list_attached_role_policies = attached.list

        tagging = Tagging(environment, ROLE)
        self.tag_role = tagging.tag
        self.untag_role = tagging.untag
        self.list_role_tags = tagging.list

        boundaries = Boundaries(environment, ROLE)
        self.put_role_permissions_boundary = boundaries.put
        self.delete_role_permissions_boundary = boundaries.delete

        managed = ManagedPolicies(environment)
        self.create_policy = managed.create_policy
        self.get_policy = managed.get_policy
        self.list_policies = managed.list_policies
        self.delete_policy = managed.delete_policy
        self.list_entities_for_policy = managed.list_entities_for_policy
        self.create_policy_version = managed.create_policy_version
        self.get_policy_version = managed.get_policy_version
        self.list_policy_versions = managed.list_policy_versions
        self.set_default_policy_version = managed.set_default_policy_version
        self.delete_policy_version = managed.delete_policy_version

        details = Details(environment)
        self.get_account_authorization_details = details.get_account_authorization_details

        simulation = Simulation(environment)
        self.simulate_custom_policy = simulation.simulate_custom_policy
        self.simulate_principal_policy = simulation.simulate_principal_policy
        self.get_context_keys_for_custom_policy = simulation.get_context_keys_for_custom_policy
        self.get_context_keys_for_principal_policy = simulation.get_context_keys_for_principal_policy

        reports = CredentialReports(environment)
        self.generate_credential_report = reports.generate_credential_report
        self.get_credential_report = reports.get_credential_report

        devices = MfaDevices(environment)
        self.import_hardware_token = devices.import_hardware_token
        self.knows_hardware_token = devices.knows_hardware_token
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

        sessions = Sessions(environment)
        self.session = sessions.session
        self.sign_out = sessions.sign_out
        self.console_caller = sessions.console_caller
        self.root_mfa_due = sessions.root_mfa_due

        recovery = Recovery(environment)
        self.recovery = recovery.recovery
        self.send_recovery_email = recovery.send_recovery_email
        self.verify_recovery_email = recovery.verify_recovery_email
        self.call_recovery_phone = recovery.call_recovery_phone
        self.finish_recovery = recovery.finish_recovery

        outbox = Outbox(environment)
        self.outbox = outbox.outbox
        self.waiting_calls = outbox.waiting_calls
        self.answer_call = outbox.answer_call

        support = Support(environment)
        self.ask_support = support.ask_support
        self.support_request = support.support_request
        self.answer_support = support.answer_support

        contacts = Contacts(environment)
        self.get_account = contacts.get_account
        self.update_phone_number = contacts.update_phone_number
        self.keep_sms_mfa_device = contacts.keep_sms_mfa_device
        self.sms_mfa_device = contacts.sms_mfa_device

        sts = Sts(environment)
        self.get_session_token = sts.get_session_token
        self.get_caller_identity = sts.get_caller_identity
        self.assume_role = RoleSessions(environment).assume_role
