"""Origins: scheme, host and port of an address, which decide where a key may be sent. An ambiguous address, which two
programs could read differently, is refused."""

from __future__ import annotations

import ipaddress
import re

# Hosts are ASCII, since a letter of another script that looks the same gives another host.
_URL = re.compile(
    r"(?P<scheme>https?)://(?:(?P<user>[^@/?#\\\s]*)@)?"
    r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?(?P<path>/[!-~]*)?",
    re.ASCII | re.IGNORECASE,
)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PORTS = {"http": 80, "https": 443}


def origin(url: str) -> str:
    """Return `scheme://host` of an http(s) address in lower case, with `:port` if it is not the default port.

    A user name and a password in it are left out.

    :raises ValueError: it is not such an address; the message gives the valid form, and does not repeat the address.
    """
    scheme, host, port = _parts(url)
    return f"{scheme}://{host}" if port == _PORTS[scheme] else f"{scheme}://{host}:{port}"


def is_loopback(url: str) -> bool:
    """Tell whether an address is a loopback one: `localhost`, 127.0.0.0/8 or ::1, written in full.

    Other forms of such an address (`127.1`, `2130706433`, `localhost.`) count as another machine.

    :raises ValueError: it is no http(s) address.
    """
    host = _parts(url)[1]
    return host == "localhost" or is_loopback_ip(host.strip("[]"))


def is_loopback_ip(host: str) -> bool:
    """Tell whether a host is a loopback IP address; False for a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def without_credentials(url: str) -> tuple[str, str]:
    """Return an address without its user name and password, and these as written: `user:password` or empty.

    :raises ValueError: it is not an http(s) address.
    """
    _parts(url)
    user = _URL.fullmatch(url)["user"]  # type: ignore[index]
    return (url, "") if user is None else (url.replace(f"{user}@", "", 1), user)


def is_variable(name: str) -> bool:
    """Tell whether a name is valid for the environment variable of a key."""
    return _VARIABLE.fullmatch(name) is not None


def _parts(url: str) -> tuple[str, str, int]:
    parts = _URL.fullmatch(url)
    if parts is None or {"?", "#", "\\"} & set(parts["path"] or ""):
        raise ValueError(
            "must begin with http:// or https://, then an ASCII host (xn--... for others), without blanks, ? and #"
        )
    scheme, host = parts["scheme"].lower(), parts["host"].lower()
    port = int(parts["port"] or _PORTS[scheme])
    if not 0 < port < 65536:
        raise ValueError("must have a port from 1 to 65535")
    if host.startswith("["):
        try:
            host = f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
        except ValueError:
            raise ValueError("must have an IPv6 address between the brackets") from None
    return scheme, host, port
