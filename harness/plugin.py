"""The pytest plugin: the fixtures that scenarios are written with, and the markers that describe them.

Installed with keyrig as the entry point ``keyrig``, so that a scenario also runs under plain ``pytest``;
there it adds fixtures, markers and options named ``--keyrig-…`` and changes nothing else. A world's story
goes into the JUnit report as properties.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # imported where used: every pytest run in an environment with keyrig loads this file
    from harness.devices.attendant import Attendant
    from harness.devices.find import KeySource
    from harness.devices.key import Key
    from harness.devices.token import TokenSource
    from harness.elsewhere import Elsewhere, Endpoint
    from harness.service.profile import ServiceProfile
    from harness.world import World

DEFAULT_KEY, DEFAULT_TOKEN, DEFAULT_PROFILE = "emulated:ctap21", "emulated", "aws-2026"

WORLD: pytest.StashKey[World | Elsewhere] = pytest.StashKey()
KEY_SOURCE: pytest.StashKey[KeySource] = pytest.StashKey()
ENDPOINT: pytest.StashKey[Endpoint] = pytest.StashKey()
PROFILE: pytest.StashKey[ServiceProfile] = pytest.StashKey()
TOKEN_SOURCE: pytest.StashKey[TokenSource] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("keyrig", "keyrig, a rig for multi-factor sign-in")
    group.addoption("--keyrig-key", default=DEFAULT_KEY, metavar="KIND:NAME", help="key for scenarios")
    group.addoption(
        "--keyrig-pin-env",
        default="KEYRIG_PIN",
        metavar="NAME",
        help="environment variable with the key's PIN",
    )
    group.addoption(
        "--keyrig-destructive",
        metavar="SERIAL",
        help="the key in your hand, by serial number or else name, that may be changed for good",
    )
    group.addoption("--keyrig-token", default=DEFAULT_TOKEN, metavar="KIND", help="TOTP tokens for scenarios")
    group.addoption(
        "--keyrig-profile",
        default=DEFAULT_PROFILE,
        metavar="NAME",
        help="the service's profile, or a .toml file",
    )
    group.addoption(
        "--keyrig-endpoint-url", metavar="URL", help="somebody else's IAM and STS to run scenarios at"
    )
    group.addoption("--keyrig-seed", default="keyrig", metavar="TEXT", help="seed of every emulated device")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "source(name, ...): what a scenario rests on: S2, a document's title")
    config.addinivalue_line(
        "markers", "needs(capability, ...): skip unless the key, or the service's profile, has them"
    )
    config.addinivalue_line(
        "markers", "service(name=value, ...): what the world's service is to be like, such as totp_server"
    )
    # An unknown device is a usage error before anything runs; the default ones are known.
    if config.getoption("keyrig_key") != DEFAULT_KEY:
        key_source(config)
    if config.getoption("keyrig_token") != DEFAULT_TOKEN:
        _token_source(config)
    if config.getoption("keyrig_profile") != DEFAULT_PROFILE:
        _profile(config)
    if config.getoption("keyrig_endpoint_url"):
        _endpoint(config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    if call.when == "teardown" and WORLD in item.stash:
        item.user_properties.extend(("step", str(step)) for step in item.stash[WORLD].story.steps)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Skip a scenario that asks of a device what it cannot do."""
    if "world" not in getattr(item, "fixturenames", ()):
        return (yield)
    from harness.devices.key import NotCapable

    try:
        return (yield)
    except NotCapable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[World | Elsewhere]:
    """A world of its own: one clock, a relying party with one account, and whoever you bring into it."""
    config = request.config
    settings = {
        name: value for mark in request.node.iter_markers("service") for name, value in mark.kwargs.items()
    }
    elsewhere = config.getoption("keyrig_endpoint_url")
    with _elsewhere(config, settings) if elsewhere else _world(request, settings) as world:
        request.node.stash[WORLD] = world
        yield world


def _world(request: pytest.FixtureRequest, settings: Mapping[str, Any]) -> World:
    from harness.world import SERVICE_CAPABILITIES, World

    config = request.config
    source, profile = key_source(config), _profile(config)
    has = {
        **dict.fromkeys(source.capabilities, True),
        **{name: has(profile) for name, has in SERVICE_CAPABILITIES.items()},
    }
    needed = [capability for mark in request.node.iter_markers("needs") for capability in mark.args]
    if missing := [capability for capability in needed if not has.get(capability)]:
        whose = f"the profile {profile.name}" if set(missing) <= SERVICE_CAPABILITIES.keys() else source
        pytest.skip(f"needs {', '.join(missing)}, which {whose} does not have")
    try:
        return World(
            key_source=source,
            token_source=_token_source(config),
            seed=f"{config.getoption('keyrig_seed')} {request.node.nodeid}",
            profile=profile,
            **settings,
        )
    except ValueError as error:
        pytest.fail(f"the marker service: {error}", pytrace=False)


def _elsewhere(config: pytest.Config, settings: Mapping[str, Any]) -> Elsewhere:
    from harness.elsewhere import Elsewhere

    endpoint = _endpoint(config)
    if settings:
        pytest.skip(f"it sets {', '.join(settings)} of the service, and {endpoint.url} cannot be told that")
    return Elsewhere(endpoint)


def _endpoint(config: pytest.Config) -> Endpoint:
    from harness.elsewhere import ElsewhereError, Endpoint

    if ENDPOINT not in config.stash:
        try:
            config.stash[ENDPOINT] = Endpoint.at(config.getoption("keyrig_endpoint_url"))
        except ElsewhereError as error:
            raise pytest.UsageError(str(error)) from None
    return config.stash[ENDPOINT]


def _profile(config: pytest.Config) -> ServiceProfile:
    from harness.service.profile import ProfileError, ServiceProfile

    if PROFILE not in config.stash:
        try:
            config.stash[PROFILE] = ServiceProfile.load(config.getoption("keyrig_profile"))
        except ProfileError as error:
            raise pytest.UsageError(str(error)) from None
    return config.stash[PROFILE]


@pytest.fixture
def key(world: World | Elsewhere) -> Key:
    """The key that ``--key`` names, new."""
    return world.key()


def _token_source(config: pytest.Config) -> TokenSource:
    from harness.devices.find import find_token
    from harness.devices.key import DeviceError

    if TOKEN_SOURCE not in config.stash:
        try:
            with _at_the_terminal(config):
                config.stash[TOKEN_SOURCE] = find_token(config.getoption("keyrig_token"))
        except DeviceError as error:
            raise pytest.UsageError(str(error)) from None
    return config.stash[TOKEN_SOURCE]


def key_source(config: pytest.Config) -> KeySource:
    """Where the keys of this run come from: what ``--key`` names."""
    from harness.devices.find import find_key
    from harness.devices.key import DeviceError

    if KEY_SOURCE not in config.stash:
        try:
            config.stash[KEY_SOURCE] = find_key(
                config.getoption("keyrig_key"),
                lambda: _attendant(config),
                destructive=config.getoption("keyrig_destructive"),
            )
        except DeviceError as error:
            raise pytest.UsageError(str(error)) from None
    return config.stash[KEY_SOURCE]


def several_at_once(config: pytest.Config) -> bool:
    """Whether scenarios of this run may live at the same time: none uses another's device or service."""
    if config.getoption("keyrig_endpoint_url") or config.getoption("keyrig_token") != DEFAULT_TOKEN:
        return False
    return "several-keys" in key_source(config).capabilities


def _attendant(config: pytest.Config) -> Attendant:
    """The person at this terminal; what they are asked is not a scenario's output."""
    from harness.devices.attendant import Attendant

    with _at_the_terminal(config):
        return Attendant.here(config.getoption("keyrig_pin_env"))


def _at_the_terminal(config: pytest.Config) -> AbstractContextManager[None]:
    """While pytest captures nothing."""
    capture = config.pluginmanager.getplugin("capturemanager")
    return capture.global_and_fixture_disabled() if capture else nullcontext()
