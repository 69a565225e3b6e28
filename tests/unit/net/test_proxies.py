"""Proxies are read from the environment as Docker reads them."""

from __future__ import annotations

import pytest
from yarl import URL

from ckf_airgap.errors import InputError
from ckf_airgap.net.proxies import Proxies


@pytest.mark.parametrize(
    ("url", "proxied"),
    [
        ("https://ghcr.io/v2/", True),
        ("https://reg.corp.example/v2/", False),
        ("https://corp.example/v2/", False),
        ("https://notcorp.example/v2/", True),
        ("https://10.1.2.3:5000/v2/", False),
        ("https://11.1.2.3:5000/v2/", True),
        ("https://ported.example:5000/v2/", False),
        ("https://ported.example/v2/", True),
        ("https://a.star.example/", False),
        ("https://localhost:5000/v2/", False),
        ("https://127.0.0.1:5000/v2/", False),
        ("https://[fd00::1]:5000/v2/", False),
    ],
)
def test_exceptions_of_proxies_are_read_as_docker_reads_them(url: str, proxied: bool) -> None:
    proxies = Proxies.from_environment(
        {
            "HTTPS_PROXY": "proxy.example:3128",
            "no_proxy": ".corp.example, 10.0.0.0/8,ported.example:5000,*.star.example,fd00::/8",
        }
    )
    assert (proxies.for_url(URL(url)) is not None) == proxied


def test_proxies_are_by_scheme_and_a_star_turns_them_off() -> None:
    one = Proxies.from_environment({"http_proxy": "http://p:1", "HTTP_PROXY": "http://q:2"})
    assert one.for_url(URL("http://a.example/")) == URL("http://p:1")
    assert one.for_url(URL("https://a.example/")) is None
    off = Proxies.from_environment({"HTTP_PROXY": "p:1", "NO_PROXY": "*"})
    assert off.for_url(URL("http://a.example/")) is None


@pytest.mark.parametrize("proxy", ["http://[bad", "socks5://p:1", "http://u:secret@p:port", "://"])
def test_what_is_no_proxy_is_refused_without_telling_its_password(proxy: str) -> None:
    with pytest.raises(InputError, match="HTTPS_PROXY does not name an HTTP proxy") as caught:
        Proxies.from_environment({"https_proxy": proxy})
    assert "secret" not in str(caught.value)
