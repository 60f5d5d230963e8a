"""A person in a world: signs in, looks after devices, calls the API; each attempt is a step of the story."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal, Protocol

from harness.devices.emulated_token import AuthenticatorApp
from harness.devices.key import Key
from harness.devices.token import Token
from harness.outcome import Outcome, called
from harness.page import Page, PlatformError
from harness.platform import Browser, Sdk, SecurityKeyError
from harness.service.events import Event
from harness.service.model import User
from harness.story import Story

Via = Literal["console", "api"]
Codes = tuple[str, str]

BORROWED = r"keyrig-[0-9a-f]{8}-"
"""What stands before the names of users and devices in an account that others use, too."""


class Place(Protocol):
    """Where a person is: what doors there are to the service, and who tells the story."""

    @property
    def story(self) -> Story: ...

    def open_browser(self, key: Key | None) -> Browser:
        """A new browser, with ``key`` plugged in; ``NotCapable`` where there is no console."""
        ...

    def sdk_of(self, user: User) -> Sdk:
        """An SDK with an access key of the user's."""
        ...

    def noted(self) -> Sequence[Event]:
        """What the service has noted so far, as far as it can be seen from here."""
        ...

    def called(self, name: str) -> str:
        """What a device that the story calls ``name`` is called there."""
        ...


class Person:
    """Someone with a user of the account and its password; ``str()`` is what the story calls them.

    What the service refuses is an :class:`Outcome`; what the pages in front of them do not offer is a
    :class:`~harness.page.PlatformError`. ``of`` is whose device it is, unless their own.
    """

    def __init__(self, user: User, password: str, *, account: str, place: Place) -> None:
        self.user = user
        self.password = password
        self.account = account
        self._place = place
        self._story = place.story
        self._browser: Browser | None = None

    def __str__(self) -> str:
        return _short(self.user.name)

    def __repr__(self) -> str:
        return f"<{self}>"

    @property
    def name(self) -> str:
        return self.user.name

    @property
    def arn(self) -> str:
        return self.user.arn

    @property
    def browser(self) -> Browser:
        """The browser they signed in with last."""
        return self._browser or self._new_browser()

    @cached_property
    def sdk(self) -> Sdk:
        """An SDK with an access key of theirs."""
        return self._place.sdk_of(self.user)

    def close(self) -> None:
        """Close the browser."""
        if self._browser is not None:
            self._browser.close()
            self._browser = None

    # Signing in.

    def sign_in(
        self,
        device: Token | Key | None = None,
        *,
        code: str | None = None,
        choosing: Token | None = None,
    ) -> Outcome:
        """Sign in from a new browser with the password, and with what a token shows or a key answers.

        ``code`` is typed instead of what the token shows; of several devices, ``choosing`` is chosen instead
        of that token. With a password alone, being asked for MFA is a refusal.
        """

        def attempt(browser: Browser) -> Page:
            page = self._give_password(browser)
            if page.error is not None or device is None:
                return page
            return _prove(browser, device, code, choosing)

        match device:
            case None:
                how = "a password alone"
            case Key():
                how = "a security key"
            case _:
                how = name_of(device)
        self._new_browser(device if isinstance(device, Key) else None)
        return self._in_console(f"{self} signs in with {how}", attempt, "signed in", _signed_in)

    def enter_code(self, token: Token, code: str | None = None) -> Outcome:
        """Answer the MFA page that is shown, once more."""

        def attempt(browser: Browser) -> Page:
            return _prove(browser, token, code)

        text = f"{self} enters a code of {name_of(token)}"
        return self._in_console(text, attempt, "signed in", _signed_in)

    def post_assertion(self, response: str) -> Outcome:
        """Answer the MFA page that is shown with a security key's ``response``, as it was once made."""

        def attempt(browser: Browser) -> Page:
            return browser.submit("mfa-security-key", response=response)

        return self._in_console(f"{self} sends an assertion", attempt, "signed in", _signed_in)

    def resync_and_sign_in(self, token: Token, codes: Codes | None = None) -> Outcome:
        """Answer the page that offers to resync, with two consecutive codes."""

        def attempt(browser: Browser) -> Page:
            page, (code_1, code_2) = browser.page, codes or token.read_two()
            return browser.resync_and_sign_in(
                code_1, code_2, _asked(page, "resync-and-sign-in", token.serial_number)
            )

        text = f"{self} resyncs {name_of(token)} and signs in"
        return self._in_console(text, attempt, "signed in", _signed_in)

    def resync_before_sign_in(self, token: Token, codes: Codes | None = None) -> Outcome:
        """Give the password, have problems with the device, resync it; root's way in (S2)."""

        def attempt(browser: Browser) -> Page:
            page = self._give_password(browser)
            if page.error is not None:
                return page
            page, (code_1, code_2) = browser.follow("troubleshoot-mfa"), codes or token.read_two()
            device = _asked(page, "resync-before-sign-in", token.serial_number)
            return browser.submit(
                "resync-before-sign-in", {"device": device} if device else {}, code_1=code_1, code_2=code_2
            )

        self._new_browser()
        text = f"{self} resyncs {name_of(token)} before signing in"
        return self._in_console(text, attempt, "in sync again", _done)

    # Root without its MFA device (S4).

    def ask_for_another_way(self) -> Outcome:
        """Give the password, have problems with the device, ask for e-mail and phone instead."""

        def attempt(browser: Browser) -> Page:
            page = self._give_password(browser)
            return page if page.error is not None else browser.alternative_factors()

        self._new_browser()
        return self._in_console(
            f"{self} asks for another way in", attempt, "offered", lambda page: "send-email" in page.forms
        )

    def have_email_sent(self) -> Outcome:
        """Step 1: have the e-mail sent to root's address, or sent again."""
        return self._in_console(
            f"{self} has the e-mail sent", Browser.send_recovery_email, "sent", _with_text("email-sent")
        )

    def follow_email(self) -> Outcome:
        """Step 1: open the last e-mail and follow its link."""
        return self._in_console(
            f"{self} follows the link in the e-mail",
            Browser.follow_recovery_email,
            "verified",
            _with_text("email-verified"),
        )

    def take_call(self, digits: str | None = None) -> Outcome:
        """Step 2: have the phone called, and type the six digits that the screen shows, or others."""

        def attempt(browser: Browser) -> Page:
            page = browser.call_recovery_phone()
            if "recovery-code" not in page.texts:
                return page
            return browser.answer_call(digits or page.texts["recovery-code"])

        text = f"{self} answers the call and types the digits"
        return self._in_console(text, attempt, "verified", _with_text("phone-verified"))

    def finish_recovery(self) -> Outcome:
        """Step 3: sign in without MFA."""
        text = f"{self} signs in without the device"
        return self._in_console(text, Browser.finish_recovery, "signed in", _signed_in)

    def ask_support(self, answers: Mapping[str, str]) -> Outcome:
        """Reach neither e-mail nor phone, and fill in the form to support."""

        def attempt(browser: Browser) -> Page:
            return browser.ask_support(answers)

        return self._in_console(f"{self} asks support", attempt, "sent", _done)

    def change_phone_number(self, number: str) -> Outcome:
        """Change the number that root's recovery calls, as an administrator may."""

        def attempt(browser: Browser) -> Page:
            return browser.change_phone_number(number)

        return self._in_console(f"{self} changes the phone number", attempt, "changed", _done)

    # Devices, one's own or another's.

    def enable_virtual(
        self,
        app: AuthenticatorApp,
        name: str,
        *,
        of: Person | None = None,
        via: Via = "console",
        codes: Callable[[Token], Codes] | None = None,
    ) -> Outcome:
        """Enable a virtual MFA device: ``app`` scans the QR code, its two codes go back.

        The outcome's ``token`` is the app's entry, whether enabled or not. ``codes`` reads it otherwise than
        by :meth:`Token.read_two`.
        """
        entry: list[Token] = []

        def read(added: Token) -> Codes:
            entry.append(added)
            return (codes or _read_two)(added)

        def in_console(browser: Browser) -> Page:
            shown = browser.assign_authenticator_app(name, _name(of))
            serial_number = self._virtual_serial_number(name, of)
            return browser.enter_two_codes(*read(app.scan(shown.qr_code, serial_number=serial_number)))

        def by_api(iam: Any) -> Any:
            called = self._place.called(name)
            made = iam.create_virtual_mfa_device(VirtualMFADeviceName=called)["VirtualMFADevice"]
            return self._enable(iam, of, made["SerialNumber"], read(_taken_in(app, made)))

        outcome = self._either(f"enables {name}", of, via, in_console, by_api, "enabled")
        return replace(outcome, scanned=entry[0] if entry else None)

    def enable_hardware(
        self, token: Token, *, of: Person | None = None, via: Via = "console", codes: Codes | None = None
    ) -> Outcome:
        """Enable a hardware TOTP token by its serial number and two consecutive codes."""

        def in_console(browser: Browser) -> Page:
            return browser.assign_hardware_token(token.serial_number, *(codes or token.read_two()), _name(of))

        def by_api(iam: Any) -> Any:
            return self._enable(iam, of, token.serial_number, codes or token.read_two())

        return self._either(f"enables {name_of(token)}", of, via, in_console, by_api, "enabled")

    def register_key(self, key: Key, name: str, *, of: Person | None = None) -> Outcome:
        """Enable a FIDO security key; only the console can (S1)."""

        def in_console(browser: Browser) -> Page:
            browser.key = key
            return browser.assign_security_key(name, _name(of))

        text = f"registers {key.name} as {name}"
        return self._either(text, of, "console", in_console, None, "registered")

    def resync(
        self, token: Token, *, of: Person | None = None, via: Via = "console", codes: Codes | None = None
    ) -> Outcome:
        """Resync a TOTP device with two consecutive codes."""

        def in_console(browser: Browser) -> Page:
            return browser.resync_device(name_of(token), *(codes or token.read_two()), _name(of))

        def by_api(iam: Any) -> Any:
            code_1, code_2 = codes or token.read_two()
            return iam.resync_mfa_device(
                UserName=(of or self).name,
                SerialNumber=token.serial_number,
                AuthenticationCode1=code_1,
                AuthenticationCode2=code_2,
            )

        return self._either(f"resyncs {name_of(token)}", of, via, in_console, by_api, "in sync again")

    def remove(self, device: str, *, of: Person | None = None, via: Via = "console") -> Outcome:
        """Detach a device, called by its name or serial number, from its user."""

        def in_console(browser: Browser) -> Page:
            return browser.remove_device(_short(device), _name(of))

        def by_api(iam: Any) -> Any:
            return iam.deactivate_mfa_device(UserName=(of or self).name, SerialNumber=device)

        return self._either(f"removes {_short(device)}", of, via, in_console, by_api, "removed")

    # The API.

    def session_token(
        self,
        token: Token | None = None,
        *,
        serial_number: str | None = None,
        code: str | None = None,
        duration_s: int | None = None,
    ) -> Outcome:
        """Call GetSessionToken, with what ``token`` shows or with ``serial_number`` and ``code``.

        The outcome's ``answer`` is an :class:`Sdk` with the new credentials.
        """
        if token is not None:
            serial_number, code = serial_number or token.serial_number, code or token.read()

        def call() -> Any:
            return self.sdk.get_session(serial_number=serial_number, token_code=code, duration_s=duration_s)

        how = f" with {_short(serial_number)}" if serial_number else ""
        return self._attempt(f"{self} asks for a session token{how}", "given", lambda: called(call))

    def assume_role(self, role_arn: str, token: Token | None = None, *, code: str | None = None) -> Outcome:
        """Call AssumeRole, with MFA if there is a ``token``; the outcome's ``answer`` is an :class:`Sdk`."""

        def call() -> Any:
            if token is None:
                return self.sdk.assume_role(role_arn)
            return self.sdk.assume_role(
                role_arn, serial_number=token.serial_number, token_code=code or token.read()
            )

        how = f" with {name_of(token)}" if token else ""
        text = f"{self} assumes the role {_short(role_arn)}{how}"
        return self._attempt(text, "assumed", lambda: called(call))

    def call(self, what: str, operation: Callable[[Sdk], Any], *, sdk: Sdk | None = None) -> Outcome:
        """Call anything else; ``what`` tells the story of it, ``sdk`` is another than their own."""
        return self._attempt(f"{self} {what}", "done", lambda: called(lambda: operation(sdk or self.sdk)))

    # How an attempt is made and told.

    def _give_password(self, browser: Browser) -> Page:
        if self.user.root:
            return browser.sign_in_root(self.account, self.password)
        return browser.sign_in(self.account, self.name, self.password)

    def _virtual_serial_number(self, name: str, of: Person | None) -> str:
        owner = (of or self).user
        return f"arn:aws:iam::{owner.account_id}:mfa/{name}"

    def _enable(self, iam: Any, of: Person | None, serial_number: str, codes: Codes) -> Any:
        return iam.enable_mfa_device(
            UserName=(of or self).name,
            SerialNumber=serial_number,
            AuthenticationCode1=codes[0],
            AuthenticationCode2=codes[1],
        )

    def _new_browser(self, key: Key | None = None) -> Browser:
        self.close()
        self._browser = self._place.open_browser(key)
        return self._browser

    def _either(
        self,
        text: str,
        of: Person | None,
        via: Via,
        in_console: Callable[[Browser], Page],
        by_api: Callable[[Any], Any] | None,
        done: str,
    ) -> Outcome:
        text = f"{self} {text}" + (f" for {of}" if of else "")
        if via == "console" or by_api is None:
            return self._in_console(text, in_console, done, _done)
        return self._attempt(f"{text}, by API", done, lambda: called(lambda: by_api(self.sdk.iam)))

    def _in_console(
        self,
        text: str,
        act: Callable[[Browser], Page],
        done: str,
        accepted: Callable[[Page], bool],
    ) -> Outcome:
        def attempt() -> Outcome:
            refusal = None
            try:
                page = act(self.browser)
            except SecurityKeyError as error:
                page, refusal = self.browser.page, str(error)
            except PlatformError:
                page = self.browser.page
                if page.error is None:  # not the service's refusal, but a page that should be another
                    raise
            good = refusal is None and accepted(page)
            said = refusal or page.error or " ".join(page.notices) or f"shown “{page.heading}”"
            return Outcome(accepted=good, text=said, status=page.status, shown=page)

        return self._attempt(text, done, attempt)

    def _attempt(self, text: str, done: str, attempt: Callable[[], Outcome]) -> Outcome:
        began, before = self._story.elapsed, len(self._place.noted())
        try:
            outcome = attempt()
        except Exception as error:
            self._story.tell(text, f"broke off: {error}", at=began)
            raise
        events = self._place.noted()[before:]
        notes = [event.additional["diagnosis"] for event in events if "diagnosis" in event.additional]
        outcome = replace(outcome, diagnosis=notes[-1] if notes else "")
        refusal = f"refused, {outcome.diagnosis or outcome.code or outcome.text}"
        self._story.tell(text, done if outcome.accepted else refusal, outcome.accepted, at=began)
        return outcome


def name_of(token: Token) -> str:
    """What people call a TOTP device: the serial number printed on it, or its name in the app."""
    return _short(token.serial_number)


def _short(serial_number: str) -> str:
    """The name at the end of an ARN, or all of a printed serial number, without what is added for safety."""
    return re.sub(rf"^{BORROWED}|-[A-Z2-7]{{26}}$", "", serial_number.rpartition("/")[2])


def _name(person: Person | None) -> str | None:
    return None if person is None else person.name


def _taken_in(app: AuthenticatorApp, made: Mapping[str, Any]) -> Token:
    """The app's new entry: the picture scanned or, where that is none, the text secret typed in."""
    serial_number = made["SerialNumber"]
    try:
        return app.scan(made["QRCodePNG"], serial_number=serial_number)
    except ValueError:
        secret = made["Base32StringSeed"].decode("ascii", "replace")
        return app.add(f"otpauth://totp/typed?secret={secret}", serial_number=serial_number)


def _read_two(token: Token) -> Codes:
    return token.read_two()


def _prove(browser: Browser, device: Token | Key, code: str | None, choosing: Token | None = None) -> Page:
    """Answer the MFA page."""
    if isinstance(device, Key):
        return browser.use_security_key()
    chosen = _asked(browser.page, "mfa-code", (choosing or device).serial_number)
    return browser.enter_code(code or device.read(), chosen)


def _asked(page: Page, purpose: str, device: str | None) -> str | None:
    """``device`` if the form offers it, as it does to a user with several."""
    form = page.form(purpose)
    return device if "device" in form.fields and device in form.fields["device"].choices else None


def _signed_in(page: Page) -> bool:
    return "sign-out" in page.forms


def _with_text(name: str) -> Callable[[Page], bool]:
    return lambda page: page.error is None and name in page.texts


def _done(page: Page) -> bool:
    return bool(page.notices) and page.error is None
