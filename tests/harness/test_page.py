"""Pages as a person sees them, and what a form sends."""

from __future__ import annotations

import pytest

from harness.page import Page, PlatformError

URL = "http://localhost:8000/users/alice?done=no"
HTML = """<!doctype html>
<html><head><title>Users · test</title><style>p { color: red }</style></head>
<body>
<h1>All <em>user</em>s</h1>
<p role="alert">Bad &amp; worse</p><p role="status">Done</p>
<a href="/home">Home</a> <a id="next" href="?page=2">Next <span>page</span></a>
<form id="choose" method="post" action="send">
  <input type="hidden" name="csrf" value="t&quot;k">
  <label for="who">Who is it</label><input id="who" name="who" value="alice">
  <label for="why">Why</label><textarea id="why" name="why">because</textarea>
  <fieldset><legend>Kind</legend>
    <input type="radio" id="k-a" name="kind" value="a"><label for="k-a">The first</label>
    <input type="radio" id="k-b" name="kind" value="b" checked><label for="k-b">The second</label>
  </fieldset>
  <label for="size">Size</label>
  <select id="size" name="size"><option value="">any</option><option value="s" selected>small</option>
  </select>
  <button type="submit">Send it</button>
</form>
<form id="plain" action="/search"><input name="q"><button>Go</button></form>
<table id="people"><tr><th>Name</th><th>MFA</th></tr>
<tr><th>alice</th><td>Virtual <b>app</b></td></tr></table>
<img id="dot" src="data:image/png;base64,aGVsbG8=" alt="a dot"><img id="far" src="/far.png" alt="">
<script type="application/json" id="options">{"challenge": "\\u003c/script\\u003e"}</script>
<dl><dd id="arn">arn:aws:iam::1:user/alice</dd></dl>
</body></html>"""


@pytest.fixture
def page() -> Page:
    return Page(URL, 200, HTML)


def test_a_page_tells_its_heading_alerts_and_notices(page: Page) -> None:
    assert (page.title, page.heading) == ("Users · test", "All users")
    assert page.error == "Bad & worse"
    assert page.notices == ("Done",)
    assert "color: red" not in page.text


def test_links_go_by_id_or_text_to_absolute_addresses(page: Page) -> None:
    assert page.link("Home").href == "http://localhost:8000/home"
    assert page.link("next").href == page.link("Next page").href == "http://localhost:8000/users/alice?page=2"


def test_a_missing_link_or_form_says_which_page_has_which(page: Page) -> None:
    with pytest.raises(
        PlatformError, match=r"“All users” .*alice.*no link 'Log in'; it has: Home, Next page"
    ):
        page.link("Log in")
    with pytest.raises(PlatformError, match=r"no form 'sign-in'; it has: choose, plain"):
        page.form("sign-in")


def test_a_form_sends_what_stands_in_it_unless_filled_in_otherwise(page: Page) -> None:
    form = page.form("choose")
    assert (form.action, form.method, form.button) == ("http://localhost:8000/users/send", "POST", "Send it")
    assert form.filled({}) == {"csrf": 't"k', "who": "alice", "why": "because", "kind": "b", "size": "s"}
    filled = form.filled({"Who is it": "bob", "kind": "The first", "Size": "any"})
    assert filled == {"csrf": 't"k', "who": "bob", "why": "because", "kind": "a", "size": ""}


def test_a_form_without_a_method_gets(page: Page) -> None:
    assert page.form("plain").method == "GET"


def test_a_field_that_the_form_lacks_is_named(page: Page) -> None:
    with pytest.raises(
        PlatformError, match=r"'choose' has no field 'pin'; it asks for: who, why, kind, size"
    ):
        page.form("choose").filled({"pin": "1234"})


def test_a_choice_that_is_not_offered_is_refused(page: Page) -> None:
    with pytest.raises(PlatformError, match=r"offers for 'kind' only: The first, The second"):
        page.form("choose").filled({"kind": "c"})


def test_tables_pictures_data_and_texts_go_by_id(page: Page) -> None:
    assert page.tables["people"] == ({"Name": "alice", "MFA": "Virtual app"},)
    assert page.images == {"dot": b"hello", "far": b""}
    assert page.data["options"] == {"challenge": "</script>"}
    assert page.texts["arn"] == "arn:aws:iam::1:user/alice"


@pytest.mark.parametrize(
    "html",
    [
        '<script type="application/json" id="options">{</script>',
        '<img id="qr" src="data:image/png;base64,%%%">',
    ],
)
def test_data_that_cannot_be_read_is_a_clear_error(html: str) -> None:
    page = Page(URL, 200, html)
    with pytest.raises(PlatformError, match="is not"):
        assert page.data or page.images
