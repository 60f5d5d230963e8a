"""Debian's Chromium at the console, driven by Playwright; every page that it is shown is judged.

A visitor speaks a language and likes it light or dark, so that both catalogues and both sets of colours are
seen. ``KEYRIG_SHOTS`` names a folder that gets a picture of every page.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    CDPSession,
    ConsoleMessage,
    Page,
    Request,
    Response,
    ViewportSize,
    sync_playwright,
)

from harness.devices.emulated_token import AuthenticatorApp, EmulatedToken
from harness.world import ROOT_EMAIL, World

DESK, PHONE = ViewportSize(width=1000, height=700), ViewportSize(width=360, height=640)
LOCALES = {"en": "en-GB", "ja": "ja-JP"}
SHOTS = os.environ.get("KEYRIG_SHOTS")
# A page that refuses says so by its status, which Chromium logs as an error.
REFUSED_PAGE = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d ")
FLAGS = ["--in-process-gpu", "--enable-features=NetworkServiceInProcess2"]  # fewer processes
AXE = Axe().axe_script
# In another language a page is built alike; its colours may differ.
AXE_RULES = {"en": {}, "ja": {"runOnly": ["color-contrast", "html-has-lang"]}}
WHAT_AXE_FINDS = """async (rules) => {
  const {violations} = await axe.run({...rules, resultTypes: ["violations"], preload: false});
  return violations.map(({help, nodes}) => `${help}: ${nodes.map(({html}) => html).join(" and ")}`);
}"""
SEE = """() => {
  const texts = (selector) => [...document.querySelectorAll(selector)].map((one) => one.innerText);
  return {
    language: document.documentElement.lang,
    headings: texts("h1"),
    alert: texts(".alert").join(""),
    done: texts(".done[role=status]").join(""),
    ids: [...document.querySelectorAll("[id]")].map((one) => one.id),
  };
}"""


@dataclass(frozen=True)
class Kind:
    """How a visitor's browser is set up."""

    language: str = "en"
    scheme: str = "light"
    script: bool = True

    def __str__(self) -> str:
        return f"{self.language}-{self.scheme}"


EVERYONE = (Kind("en", "light"), Kind("ja", "dark"))
_judged: set[tuple[object, ...]] = set()


@dataclass
class Visitor:
    """Someone in front of a browser; forms, fields and links go by their ids and names, in any language."""

    world: World
    kind: Kind
    page: Page
    problems: list[str] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)

    # What is done at a page.

    def open(self, path: str) -> Page:
        self.page.goto(self.world.service.base_url + path)
        return self._judge()

    def follow(self, link: str) -> Page:
        """Click a link, by its id or a selector that begins with one."""
        return self._go(lambda: self.page.click(f"#{link}"))

    def submit(self, form: str, /, **fields: str) -> Page:
        """Fill a form in, and click its button."""
        for name, value in fields.items():
            control = f"#{form} [name={name}]"
            match name:
                case "type":
                    self.page.check(f"{control}[value={value}]")
                case "device" | "support_language" | "decision":
                    self.page.select_option(control, value)
                case _:
                    self.page.fill(control, value)
        return self._go(lambda: self.page.click(f"#{form} button[type=submit]"))

    def press(self, key: str) -> Page:
        """Press a key that leads to another page."""
        return self._go(lambda: self.page.keyboard.press(key))

    def _go(self, act: Callable[[], None]) -> Page:
        with self.page.expect_navigation():
            act()
        return self._judge()

    def switch_to(self, language: str) -> Page:
        self.kind = replace(self.kind, language=language)
        return self.submit("language")

    # The ways through the console that many tests need.

    def sign_in(self, user_name: str) -> Page:
        """The first page: root by e-mail address, anyone else by name."""
        if user_name == "root":
            self.open("/sign-in/account")
            self.submit("choose-root", email=ROOT_EMAIL)
            return self.submit("sign-in-root", password=password(user_name))
        self.open("/sign-in/iam")
        return self.submit(
            "sign-in-iam", account="example-corp", user_name=user_name, password=password(user_name)
        )

    def choose_device(self, name: str, kind: str, user: str | None = None) -> Page:
        """The wizard's first page."""
        self.open("/security-credentials" if user is None else f"/users/{user}")
        self.follow("assign-mfa")
        return self.submit("choose-mfa-device", name=name, type=kind)

    def assign_app(self, name: str, user: str | None = None) -> EmulatedToken:
        """An authenticator app that scans the code off the screen."""
        self.choose_device(name, "authenticator-app", user)
        token = self.scan()
        code_1, code_2 = token.read_two()
        self.submit("assign-authenticator-app", code_1=code_1, code_2=code_2)
        assert self.done
        return token

    def assign_key(self, name: str, user: str | None = None) -> Page:
        self.choose_device(name, "security-key", user)
        return self.submit("assign-security-key")

    def scan(self) -> EmulatedToken:
        """What a phone held up to the screen makes of it."""
        self.page.locator("summary").first.click()
        picture = self.page.locator("#qr-code").screenshot()
        return AuthenticatorApp(self.world.clock).scan(picture)

    def plug_in(self, **options: object) -> str:
        """A virtual security key; its ID for the DevTools protocol, in which the options are its own."""
        key: dict[str, object] = {
            "protocol": "ctap2",
            "transport": "usb",
            "automaticPresenceSimulation": True,
            **options,
        }
        return str(
            self.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": key})["authenticatorId"]
        )

    @cached_property
    def devtools(self) -> CDPSession:
        devtools = self.page.context.new_cdp_session(self.page)
        devtools.send("WebAuthn.enable", {"enableUI": False})
        return devtools

    # The window.

    def listen(self) -> None:
        """Note whatever the browser complains of, and what it asks of anyone but the console."""
        self._listeners = {
            "console": self._on_console,
            "request": self._on_request,
            "response": self._on_response,
            "weberror": lambda error: self.problems.append(str(error.error)),
        }
        for event, listener in self._listeners.items():
            self.page.context.on(event, listener)  # type: ignore[call-overload]  # one of its literals

    def leave(self) -> None:
        """Leave the window as it was found."""
        for event, listener in self._listeners.items():
            self.page.context.remove_listener(event, listener)
        if "devtools" in vars(self):
            self.devtools.detach()
        self.page.goto("about:blank")
        self.page.context.clear_cookies()

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not REFUSED_PAGE.match(message.text):
            self.problems.append(f"{message.type}: {message.text}")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.world.service.base_url}/", "data:image/png;", "data:,")):
            self.problems.append(f"request: {request.url}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.problems.append(f"{response.status}: {response.url}")

    # What is seen on it.

    @property
    def path(self) -> str:
        return urlsplit(self.page.url).path

    @property
    def heading(self) -> str:
        return str(self.seen["headings"][0])

    @property
    def alert(self) -> str:
        """What the page said was wrong when it came; "" if nothing."""
        return str(self.seen["alert"])

    @property
    def done(self) -> str:
        """What the page said was done."""
        return str(self.seen["done"])

    def text(self, name: str) -> str:
        return self.page.inner_text(f"#{name}")

    def has(self, name: str) -> bool:
        return name in self.seen["ids"]

    def rows(self, table: str) -> dict[str, str]:
        """A table's rows by their heads."""
        rows = self.page.locator(f"#{table} tbody tr").all()
        return {row.locator("th").inner_text(): row.inner_text() for row in rows}

    # What holds on every page.

    def _judge(self) -> Page:
        """Judge the page shown; the slow part only of one that nobody was shown before."""
        self.seen = self.page.evaluate(SEE)
        assert self.seen["language"] == self.kind.language, self.page.url
        assert len(self.seen["headings"]) == 1, self.page.url
        address = re.sub(r"[0-9a-f-]{20,}", "*", self.path)
        sight = (self.kind, address, self.heading, bool(self.alert), self.done)
        if self.kind.script and sight not in _judged:
            _judged.add(sight)
            self._judge_closely(f"{len(_judged):03}-{address.strip('/').replace('/', '-') or 'front'}")
        return self.page

    def _judge_closely(self, name: str) -> None:
        self.page.evaluate(AXE)
        assert self.page.evaluate(WHAT_AXE_FINDS, AXE_RULES[self.kind.language]) == [], self.page.url
        self.page.set_viewport_size(PHONE)
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not self.page.evaluate(wide), f"{self.page.url} is wider than a phone"
        if SHOTS:
            self.page.screenshot(path=Path(SHOTS, f"{self.kind}-{name}-phone.png"), full_page=True)
        self.page.set_viewport_size(DESK)
        if SHOTS:
            self.page.screenshot(path=Path(SHOTS, f"{self.kind}-{name}.png"), full_page=True)


def password(name: str) -> str:
    """A person's password in a ``World``."""
    return f"{name.capitalize()} has 1 password"


@pytest.fixture(scope="module")
def chromium(require: Callable[[object, str], None]) -> Iterator[Browser]:
    program = shutil.which("chromium-headless-shell")
    require(program, "Chromium; run 'apt-get install chromium-headless-shell'")
    # For a module at a time: while it is there, nothing else in this thread can run an event loop.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, chromium_sandbox=False, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def world() -> Iterator[World]:
    with World() as world:
        world.user("alice")
        world.user("ada", administrator=True)
        yield world


@pytest.fixture(scope="module")
def rooms(chromium: Browser) -> dict[Kind, Page]:
    """The browsers' windows by what kind of visitor they are set up for."""
    return {}


@pytest.fixture
def arrive(chromium: Browser, rooms: dict[Kind, Page], world: World) -> Iterator[Callable[..., Visitor]]:
    """Lets visitors in; nothing that their browsers complained of may be left at the end."""
    visitors: list[Visitor] = []

    def arrive(**is_: Any) -> Visitor:
        kind = Kind(**is_)
        page = rooms.get(kind)
        if page is None:
            page = rooms[kind] = _window(chromium, kind)
        visitor = Visitor(world, kind, page)
        visitor.listen()
        visitors.append(visitor)
        return visitor

    yield arrive
    for visitor in visitors:
        visitor.leave()
    assert [problem for visitor in visitors for problem in visitor.problems] == []


def _window(chromium: Browser, kind: Kind) -> Page:
    context = chromium.new_context(
        locale=LOCALES[kind.language],
        color_scheme=kind.scheme,  # type: ignore[arg-type]  # one of its literals
        java_script_enabled=kind.script,
        viewport=DESK,
    )
    context.set_default_timeout(10_000)
    return context.new_page()


@pytest.fixture(params=EVERYONE, ids=str)
def visitor(request: pytest.FixtureRequest, arrive: Callable[..., Visitor]) -> Visitor:
    """One visitor in each language."""
    return arrive(**asdict(request.param))
