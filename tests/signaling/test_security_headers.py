"""signaling.security_headers: on every answer, and strict."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from signaling.security_headers import HEADERS, add_security_headers
from tests.signaling.bench import Bench


@pytest.mark.network
@pytest.mark.parametrize("path", ["/", "/nothing", "/healthz", "/readyz", "/ws", "/%2e%2e/__main__.py"])
async def test_every_answer_carries_the_security_headers(bench: Bench, path: str) -> None:
    async with bench.client.get(path) as response:
        assert {name: response.headers.get(name) for name in HEADERS} == HEADERS
        assert "Strict-Transport-Security" not in response.headers


def test_the_content_security_policy_allows_no_inline_code_and_no_foreign_source() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe-inline" not in policy and "'unsafe-eval'" not in policy and "http" not in policy
    assert "script-src 'self' 'wasm-unsafe-eval'" in policy and "frame-ancestors 'none'" in policy
    assert "connect-src 'self';" in policy and "ws" not in policy, "nothing is told to another host"


async def test_over_tls_browsers_are_told_to_stay_with_tls() -> None:
    response = web.Response()
    await add_security_headers(make_mocked_request("GET", "/").clone(scheme="https"), response)
    assert response.headers["Strict-Transport-Security"].startswith("max-age=")
