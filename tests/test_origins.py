"""Where a key may go: what counts as this machine, and addresses that are written to look like it."""

from __future__ import annotations

import pytest

from ragqa.origins import is_loopback, origin, without_credentials


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.openai.com", "https://api.openai.com"),
        ("HTTPS://API.OpenAI.com:443/v1", "https://api.openai.com"),
        ("http://host:80/v1", "http://host"),
        ("http://host:8000/v1/", "http://host:8000"),
        ("https://host:80", "https://host:80"),
        ("http://name:pass@host/v1", "http://host"),
        ("http://[0:0::1]:8000/v1", "http://[::1]:8000"),
    ],
)
def test_an_origin_is_scheme_host_and_port_in_one_form(url: str, expected: str) -> None:
    assert origin(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8000/v1",
        "http://LOCALHOST/v1",
        "http://127.0.0.1/v1",
        "https://127.255.0.9:1/v1",
        "http://[::1]:8000/v1",
        "http://[::ffff:127.0.0.1]/v1",
        "http://user:pass@localhost/v1",
    ],
)
def test_this_machine_is_known_by_its_names(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1@evil.com/v1",
        "http://localhost:8000@evil.com/v1",
        "http://localhost.evil.com/v1",
        "http://127.0.0.1.evil.com/v1",
        "http://localhost./v1",
        "http://127.0.0.1./v1",
        "http://2130706433/v1",
        "http://0x7f000001/v1",
        "http://0x7f.1/v1",
        "http://017700000001/v1",
        "http://127.1/v1",
        "http://0/v1",
        "http://0.0.0.0/v1",
        "http://[::]/v1",
        "http://[::ffff:8.8.8.8]/v1",
        "http://localhost-evil.com/v1",
        "http://evil.com/127.0.0.1",
        "http://10.0.0.1/v1",
        "http://128.0.0.1/v1",
    ],
)
def test_what_only_looks_like_this_machine_is_another(url: str) -> None:
    assert not is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "ftp://localhost",
        "file:///etc/passwd",
        "http://",
        "http:///v1",
        "http://:8000/v1",
        "http://a@b@c/v1",
        "http://127.0.0.1\\@evil.com/v1",
        "http://127.0.0.1#@evil.com/v1",
        "http://127.0.0.1?@evil.com/v1",
        "http://127.0.0.1%2eevil.com/v1",
        "http://127.0.0.1%00.evil.com/v1",
        "http://localhost\t.evil.com/v1",
        "http://localhost\n.evil.com/v1",
        "http://local host/v1",
        " http://localhost/v1",
        "http://localhost/v1\n",
        "http://ｌｏｃａｌｈｏｓｔ/v1",
        "http://аpi.openai.com/v1",  # its first letter is Cyrillic
        "http://127。0。0。1/v1",
        "http://localhost:0/v1",
        "http://localhost:65536/v1",
        "http://localhost:８０/v1",
        "http://localhost:80:90/v1",
        "http://[::1/v1",
        "http://[::1]evil.com/v1",
        "http://[127.0.0.1]/v1",
        "http://[fe80::1%25lo]/v1",
        "http://localhost/v1?x=1",
        "http://localhost/v1#x",
        "http://localhost/a\\b",
        "http:\\\\localhost/v1",
        "http:/localhost/v1",
        "http//localhost",
    ],
)
def test_an_address_that_readers_could_read_differently_is_none(url: str) -> None:
    for read in (origin, is_loopback, without_credentials):
        with pytest.raises(ValueError, match="must"):
            read(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://host/v1", ("http://host/v1", "")),
        ("http://name:p%40ss@host:8/v1", ("http://host:8/v1", "name:p%40ss")),
        ("http://@host/v1", ("http://host/v1", "")),
        ("http://a:b@host/a:b@host", ("http://host/a:b@host", "a:b")),
    ],
)
def test_credentials_are_taken_out_of_an_address(url: str, expected: tuple[str, str]) -> None:
    assert without_credentials(url) == expected
