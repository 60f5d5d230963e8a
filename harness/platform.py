"""The platform: a browser that a person drives, with a security key plugged in, and an SDK.

The browser knows the console only by its pages: it follows their links and fills in their forms, found by
their purpose. A ceremony is python-fido2's client over the plugged-in key, answering the options that the
page carries. The SDK is stock boto3.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx
from fido2.client import ClientError, DefaultClientDataCollector, Fido2Client, UserInteraction
from fido2.ctap import CtapError
from fido2.ctap2.base import Info
from fido2.ctap2.pin import ClientPin
from fido2.webauthn import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialCreationOptions,
    PublicKeyCredentialRequestOptions,
    UserVerificationRequirement,
)

from harness.devices.key import Key
from harness.page import Form, Page, PlatformError

if TYPE_CHECKING:  # imported where used: whoever stays in the console waits for no SDK
    import boto3

REGION = "us-east-1"


class SecurityKeyError(PlatformError):
    """The security key did not do what the page asked; ``code`` is the client's, ``cause`` the key's."""

    def __init__(self, ceremony: str, error: ClientError) -> None:
        self.code: ClientError.ERR = error.code
        self.cause = error.cause
        super().__init__(f"the security key cannot {ceremony}: {_why(error)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApp:
    """What the wizard shows once for an authenticator app to take in: a picture to scan, a text to type."""

    page: Page
    qr_code: bytes = field(repr=False)
    secret: str = field(repr=False)


class Browser:
    """A person's browser at the console of ``base_url``, with ``key`` plugged in if there is one.

    ``pin`` is what the person types when the key asks, unless the key itself knows who to ask. Every method
    does one thing that a person does and returns the page it leads to; ``page`` is the one shown now. What
    the pages do not offer is a :class:`~harness.page.PlatformError` that says which page lacked what.
    """

    def __init__(self, base_url: str, *, key: Key | None = None, pin: str | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self.key = key
        self.pin = pin
        self._http = httpx.Client(
            base_url=self.base_url,
            follow_redirects=True,
            trust_env=False,
            timeout=30,
            # Reading the machine's CA certificates takes longer than a sign-in; plain HTTP needs none.
            verify=self.base_url.startswith("https:"),
        )
        self._page: Page | None = None

    @property
    def page(self) -> Page:
        """The page shown now; the front page if none was opened yet."""
        return self._page or self.open("/")

    # What any page allows.

    def open(self, path: str) -> Page:
        """Type an address: a path of the console."""
        return self._request("GET", path)

    def follow(self, link: str) -> Page:
        """Follow the link whose id or text is ``link``."""
        return self.open(self.page.link(link).href)

    def submit(self, purpose: str, answers: Mapping[str, str] | None = None, /, **more: str) -> Page:
        """Fill in the form for ``purpose`` on this page, by names or labels of its fields, and send it."""
        return self.send(self.page.form(purpose), {**(answers or {}), **more})

    def send(self, form: Form, answers: Mapping[str, str]) -> Page:
        """Send a form, of this page or kept from another, with ``answers`` filled in."""
        sent = form.filled(answers)
        if form.method == "GET":
            return self._request("GET", form.action, params=sent)
        return self._request("POST", form.action, data=sent)

    def close(self) -> None:
        """Close the browser; its cookies are forgotten."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Signing in and out.

    def sign_in(self, account: str, user_name: str, password: str) -> Page:
        """Sign in as an IAM user, up to the MFA page if there is one."""
        self.open("/sign-in/account")
        self.submit("choose-account", account=account)
        if "sign-in-iam" not in self.page.forms:  # no such account can be
            return self.page
        return self.submit("sign-in-iam", account=account, user_name=user_name, password=password)

    def sign_in_root(self, email: str, password: str) -> Page:
        """Sign in as the account's root user, up to the MFA page if there is one."""
        self.open("/sign-in/account")
        self.submit("choose-root", email=email)
        if "sign-in-root" not in self.page.forms:
            return self.page
        return self.submit("sign-in-root", email=email, password=password)

    def enter_code(self, code: str, device: str | None = None) -> Page:
        """Answer the MFA page with a code, of ``device`` (name or serial number) if one is to be chosen."""
        return self.submit("mfa-code", self._choosing("mfa-code", device), code=code)

    def use_security_key(self) -> Page:
        """Answer the MFA page with the security key that is plugged in."""
        if "mfa-security-key" not in self.page.forms:
            self.follow("use-security-key")
        return self.submit("mfa-security-key", response=self.answer_challenge())

    def resync_and_sign_in(self, code_1: str, code_2: str, device: str | None = None) -> Page:
        """Answer the page that comes after failed codes with two consecutive ones."""
        return self.submit(
            "resync-and-sign-in", self._choosing("resync-and-sign-in", device), code_1=code_1, code_2=code_2
        )

    def resync_before_sign_in(self, code_1: str, code_2: str, device: str | None = None) -> Page:
        """From root's MFA page: having problems with the device, resync it, and be asked to sign in again."""
        self.follow("troubleshoot-mfa")
        return self.submit(
            "resync-before-sign-in",
            self._choosing("resync-before-sign-in", device),
            code_1=code_1,
            code_2=code_2,
        )

    # Root without its MFA device: e-mail and phone instead (S4). The outbox is mailbox and phone.

    def alternative_factors(self) -> Page:
        """From root's MFA page: having problems with the device, go for the other way in."""
        self.follow("troubleshoot-mfa")
        return self.follow("alternative-factors")

    def send_recovery_email(self) -> Page:
        """Have the e-mail sent, once more if it was before."""
        return self.submit("send-email")

    def follow_recovery_email(self) -> Page:
        """Open the last e-mail and follow its link."""
        self.open("/outbox")
        return self.follow("verify-email")

    def call_recovery_phone(self) -> Page:
        """Have the phone called; the page shows the six digits to type on it."""
        return self.submit("call-phone")

    def answer_call(self, digits: str) -> Page:
        """Pick up the phone, type ``digits``, and look at the screen again, unless the caller objects."""
        recovery = self.page.url
        self.open("/outbox")
        page = self.submit("answer-call", digits=digits)
        return page if page.error is not None else self.open(recovery)

    def finish_recovery(self) -> Page:
        """Sign in to the console, e-mail address and phone number being verified."""
        return self.submit("finish-recovery")

    def ask_support(self, answers: Mapping[str, str]) -> Page:
        """From the pages of the other way in: reach neither, fill in the form to support."""
        self.follow("ask-for-support")
        return self.submit("ask-support", answers)

    def change_phone_number(self, number: str) -> Page:
        """Change the account's phone number."""
        self.follow("account-page")
        return self.submit("change-phone-number", phone_number=number)

    def sign_out(self) -> Page:
        """Sign out; the page after it says so."""
        return self.submit("sign-out")

    # Security credentials: one's own, or for an administrator another ``user``'s.

    def security_credentials(self, user: str | None = None) -> Page:
        """Go to the security credentials page."""
        if user is None:
            return self.follow("security-credentials")
        self.users()
        return self.follow(user)

    def users(self) -> Page:
        """Go to the list of users, the table ``users``."""
        return self.follow("users-list")

    def assign_authenticator_app(self, name: str, user: str | None = None) -> NewApp:
        """Go through the wizard up to the QR code; :meth:`enter_two_codes` finishes it."""
        page = self._choose_type(name, "authenticator-app", user)
        if "assign-authenticator-app" not in page.forms:
            raise PlatformError(f"no QR code to scan on {page}")
        return NewApp(page=page, qr_code=page.images["qr-code"], secret=page.texts["secret"])

    def enter_two_codes(self, code_1: str, code_2: str) -> Page:
        """Finish the wizard for an authenticator app with two consecutive codes."""
        return self.submit("assign-authenticator-app", code_1=code_1, code_2=code_2)

    def assign_hardware_token(
        self, serial_number: str, code_1: str, code_2: str, user: str | None = None
    ) -> Page:
        """Go through the wizard for a hardware TOTP token."""
        page = self._choose_type(serial_number, "hardware-token", user)
        if "assign-hardware-token" not in page.forms:
            return page
        return self.submit("assign-hardware-token", serial_number=serial_number, code_1=code_1, code_2=code_2)

    def assign_security_key(self, name: str, user: str | None = None) -> Page:
        """Go through the wizard for the security key that is plugged in."""
        page = self._choose_type(name, "security-key", user)
        if "assign-security-key" not in page.forms:
            return page
        return self.submit("assign-security-key", response=self.answer_challenge())

    def resync_device(self, device: str, code_1: str, code_2: str, user: str | None = None) -> Page:
        """Resync the TOTP device called ``device`` (name or serial number) with two consecutive codes."""
        self.security_credentials(user)
        self.follow(f"Resync {device}")
        return self.submit("resync-device", code_1=code_1, code_2=code_2)

    def remove_device(self, device: str, user: str | None = None) -> Page:
        """Remove the device called ``device`` (name or serial number)."""
        self.security_credentials(user)
        self.follow(f"Remove {device}")
        return self.submit("remove-device")

    # WebAuthn.

    def answer_challenge(self) -> str:
        """What the plugged-in key answers to the options in this page, as the JSON that the page posts.

        A key that refuses is a :class:`SecurityKeyError`. Nothing is posted.
        """
        if self.key is None:
            raise PlatformError(f"{self.page} asks for a security key; none is plugged in")
        client = client_of(self.key, self.base_url, self.pin)
        match self.page.data:
            case {"creation-options": options}:
                return self._create(client, options)
            case {"request-options": options}:
                return self._get(client, options)
            case _:
                raise PlatformError(f"{self.page} carries no WebAuthn options")

    def _create(self, client: Fido2Client, options: Mapping[str, Any]) -> str:
        creation = PublicKeyCredentialCreationOptions.from_dict(options)
        criteria = creation.authenticator_selection or AuthenticatorSelectionCriteria()
        criteria = replace(criteria, user_verification=_wanted(criteria.user_verification, client.info))
        try:
            response = client.make_credential(replace(creation, authenticator_selection=criteria))
        except ClientError as error:
            raise SecurityKeyError("be assigned", error) from error
        return json.dumps(dict(response))

    def _get(self, client: Fido2Client, options: Mapping[str, Any]) -> str:
        request = PublicKeyCredentialRequestOptions.from_dict(options)
        request = replace(request, user_verification=_wanted(request.user_verification, client.info))
        try:
            return json.dumps(dict(client.get_assertion(request).get_response(0)))
        except ClientError as error:
            raise SecurityKeyError("sign in", error) from error

    def _choosing(self, purpose: str, device: str | None) -> dict[str, str]:
        """The choice of a device, on a page that leaves one; a user with a single device is not asked."""
        asked = "device" in self.page.form(purpose).fields
        return {"device": device} if device is not None and asked else {}

    def _choose_type(self, name: str, kind: str, user: str | None) -> Page:
        self.security_credentials(user)
        self.follow("assign-mfa")
        return self.submit("choose-mfa-device", name=name, type=kind)

    def _request(self, method: str, url: str, **form: Mapping[str, str]) -> Page:
        try:
            answer = self._http.request(method, url, **form)  # type: ignore[arg-type]  # params or data
        except httpx.HTTPError as error:
            raise PlatformError(f"no answer from {url}: {error}") from error
        self._page = Page(str(answer.url), answer.status_code, answer.text)
        return self._page


def client_of(key: Key, origin: str, pin: str | None = None) -> Fido2Client:
    """What runs ceremonies with ``key`` for a page of ``origin``; ``pin`` as in :class:`Browser`."""
    return Fido2Client(key, DefaultClientDataCollector(origin), _Person(key, pin))


class _Person(UserInteraction):
    """The person at the key: types the PIN if they know one; touching is the key's affair."""

    def __init__(self, key: Key, pin: str | None) -> None:
        self._key = key
        self._pin = pin

    def request_pin(self, permissions: ClientPin.PERMISSION, rp_id: str | None) -> str | None:
        return self._pin if self._pin is not None else self._key.pin()


def _wanted(asked: UserVerificationRequirement | None, info: Info) -> UserVerificationRequirement | None:
    """User verification as a browser does it: "preferred" goes without on a key where none is set up.

    WebAuthn §5.8.6; python-fido2's client refuses there. What was asked is not part of what the key signs.
    """
    preferred = asked in (UserVerificationRequirement.PREFERRED, None)
    set_up = any(info.options.get(option) for option in ("uv", "clientPin", "bioEnroll"))
    return UserVerificationRequirement.DISCOURAGED if preferred and not set_up else asked


def _why(error: ClientError) -> str:
    match error.cause:
        case CtapError() as cause:
            return (
                f"the key answered {cause.code.name if isinstance(cause.code, CtapError.ERR) else cause.code}"
            )
        case None:
            pass
        case cause:
            return str(cause)
    match error.code:
        case ClientError.ERR.DEVICE_INELIGIBLE:
            return "it is not one of the user's keys, or already is"
        case ClientError.ERR.TIMEOUT:
            return "nobody touched it in time"
        case ClientError.ERR.CONFIGURATION_UNSUPPORTED:
            return "it cannot do what the service asks for"
        case ClientError.ERR.BAD_REQUEST:
            return "the service may not ask that of it"
        case _:
            return "the key failed"


class Sdk:
    """Stock boto3 pointed at the service: ``iam`` and ``sts`` clients with these credentials and no others.

    Reads no configuration, profile, proxy or credentials of the machine's, and tries every request once.
    """

    def __init__(
        self, base_url: str, access_key_id: str, secret_access_key: str, session_token: str | None = None
    ) -> None:
        self.base_url = base_url
        self.access_key_id = access_key_id
        self._secret_access_key = secret_access_key
        self._session_token = session_token

    @cached_property
    def iam(self) -> Any:
        """The boto3 client for IAM."""
        return self._client("iam")

    @cached_property
    def sts(self) -> Any:
        """The boto3 client for STS."""
        return self._client("sts")

    def with_credentials(self, credentials: Mapping[str, Any]) -> Sdk:
        """The same service with the ``Credentials`` of an STS answer."""
        return Sdk(
            self.base_url,
            credentials["AccessKeyId"],
            credentials["SecretAccessKey"],
            credentials["SessionToken"],
        )

    def environment(self) -> dict[str, str]:
        """What another client, such as the AWS CLI, finds in its environment to do as this one does."""
        given = {
            "AWS_ENDPOINT_URL": self.base_url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self._secret_access_key,
            "AWS_SESSION_TOKEN": self._session_token,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "*",
        }
        return {name: value for name, value in given.items() if value is not None}

    def get_session(
        self,
        *,
        serial_number: str | None = None,
        token_code: str | None = None,
        duration_s: int | None = None,
    ) -> Sdk:
        """Call GetSessionToken, with MFA if given, and go on with what it returns."""
        asked = {"SerialNumber": serial_number, "TokenCode": token_code, "DurationSeconds": duration_s}
        given = {name: value for name, value in asked.items() if value is not None}
        return self.with_credentials(self.sts.get_session_token(**given)["Credentials"])

    def assume_role(
        self,
        role_arn: str,
        *,
        session_name: str = "keyrig",
        serial_number: str | None = None,
        token_code: str | None = None,
    ) -> Sdk:
        """Call AssumeRole, with MFA if given, and go on with what it returns."""
        asked = {"SerialNumber": serial_number, "TokenCode": token_code}
        given = {name: value for name, value in asked.items() if value is not None}
        answer = self.sts.assume_role(RoleArn=role_arn, RoleSessionName=session_name, **given)
        return self.with_credentials(answer["Credentials"])

    def _client(self, service: str) -> Any:
        import botocore.config

        with _MAKING_A_CLIENT:
            return _session().client(
                service,
                aws_access_key_id=self.access_key_id,
                aws_secret_access_key=self._secret_access_key,
                aws_session_token=self._session_token,
                endpoint_url=self.base_url,
                config=botocore.config.Config(retries={"total_max_attempts": 1}, proxies={}, read_timeout=30),
            )


# Many threads may use a client, but only one at a time make one of a session (boto3's guide).
_MAKING_A_CLIENT = Lock()


@cache
def _session() -> boto3.session.Session:
    """What clients are made of: making it anew, models and all, would take most of a client's time."""
    import boto3
    import botocore.session

    session = botocore.session.Session(
        {
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    return boto3.session.Session(region_name=REGION, botocore_session=session)
