"""What the console's pages are rendered with: the templates in a language, and the notices above a page."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from html import escape

import jinja2

from harness.service.console.language import LANGUAGES, counter, translator
from harness.service.words import say, spoken

# What a page may say was done, by the name that its address carries.
DONE = {
    "assigned": say("The MFA device is assigned."),
    "resynced": say("The MFA device is in sync again."),
    "removed": say("The MFA device is removed."),
    "deactivated": say("The MFA device is deactivated, but you may not delete it: its name stays taken."),
    "signed-out": say("You are signed out."),
    "resynced-before-sign-in": say("The device is in sync again. Sign in with its next code."),
    "phone-number": say("The phone number is changed."),
    "digits": say("Thank you. The phone number is verified; go back to the browser you came from."),
    "support-answered": say("The answer was sent."),
    "recovered": say("You are signed in without your MFA device. Remove it if it was lost or is broken."),
}


@cache
def templates(language: str) -> jinja2.Environment:
    """The console's templates: everything put into a page is escaped, a name left out is an error.

    One for the process and language: compiling them anew takes longer than the rest of a service's start.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.service"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    translate = translator(language)
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(translate, counter(language), newstyle=True)  # type: ignore[attr-defined]  # the extension's
    environment.filters["moment"] = _moment
    environment.filters["spoken"] = lambda message: spoken(message, translate)
    environment.globals["language"] = language
    environment.globals["languages"] = LANGUAGES
    return environment


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def failure(language: str) -> str:
    """A page that needs no template, for what went wrong may be one."""
    translate = translator(language)
    title, note, advice = (
        escape(spoken(message, translate))
        for message in (
            say("Something went wrong"),
            say("This is a test service, not AWS."),
            say("The console failed on this request; its log says how. Go back and try again."),
        )
    )
    return f"""<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><title>{title} · keyrig</title>
<link rel="stylesheet" href="/static/console.css"></head>
<body><p class="test-service">{note}</p>
<main class="narrow"><h1>{title}</h1>
<p class="alert" role="alert">{advice}</p>
</main></body></html>
"""
