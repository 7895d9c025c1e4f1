"""shared.transport.whip_http: the HTTP half alone, with sessions that hold no media."""

from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp.test_utils import TestClient, TestServer

from shared.errors import MalformedMessage, RemoteError
from shared.limits import (
    SIGNALING_SDP_MAX_BYTES,
    WHIP_ADDRESSES_TRACKED,
    WHIP_REQUESTS_BURST,
    WHIP_REQUESTS_PER_S,
)
from shared.transport.media_sdp import NotAcceptable
from shared.transport.whip_access import WhipAccess
from shared.transport.whip_http import Busy, WhipEndpoint

TOKEN = "correct-horse-battery"
PAGE = "https://page.example"
SDP = {"Content-Type": "application/sdp"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Session:
    """No media at all."""

    answer = "v=0 the answer"

    def __init__(self, offer: str, on_end: Callable[[], None]) -> None:
        self.offer, self.on_end, self.closed = offer, on_end, 0

    async def close(self) -> None:
        self.closed += 1


class Service:
    """An endpoint behind a test server, its clock and what was opened."""

    def __init__(self) -> None:
        self.now_us = 0
        self.sessions: list[Session] = []
        self.refusal: RemoteError | Busy | None = None
        access = WhipAccess("127.0.0.1", 0, "/whep", TOKEN, (PAGE,))
        self.endpoint = WhipEndpoint(access, self._open, lambda: self.now_us)
        self.client = TestClient(TestServer(self.endpoint.application()))

    async def _open(self, offer: str, on_end: Callable[[], None]) -> Session:
        if self.refusal is not None:
            raise self.refusal
        self.sessions.append(Session(offer, on_end))
        return self.sessions[-1]

    async def ask(
        self, method: str, path: str = "/whep", body: str = "", **headers: str
    ) -> tuple[int, dict[str, str]]:
        """Status and headers of one request that carries the token, a second after the last one."""
        self.now_us += 1_000_000
        asked = {
            **BEARER,
            **({} if method != "POST" else SDP),
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        async with self.client.request(method, path, data=body or None, headers=asked) as response:
            await response.read()
            return response.status, dict(response.headers)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    made = Service()
    async with made.client:
        yield made


async def test_an_offer_is_answered_and_the_session_ends_with_delete(service: Service) -> None:
    async with service.client.post("/whep", data="v=0 the offer", headers={**SDP, **BEARER}) as response:
        assert (response.status, await response.text()) == (201, "v=0 the answer")
        assert response.content_type == "application/sdp" and response.headers["ETag"].startswith('"')
        location = response.headers["Location"]
    assert location.startswith("/whep/") and len(location) > 20
    assert service.sessions[0].offer == "v=0 the offer"
    assert (await service.ask("PATCH", location))[0] == 501
    assert (await service.ask("GET", location))[0] == 204
    assert (await service.ask("PUT", location))[0] == 405
    assert (await service.ask("DELETE", location, If_Match='"other"'))[0] == 200
    assert service.sessions[0].closed == 1
    assert (await service.ask("DELETE", location))[0] == 404


async def test_a_session_that_ended_by_itself_is_not_there_any_more(service: Service) -> None:
    _, headers = await service.ask("POST", body="v=0")
    service.sessions[0].on_end()
    assert (await service.ask("DELETE", headers["Location"]))[0] == 404


async def test_closing_the_endpoint_ends_its_sessions(service: Service) -> None:
    for _ in range(2):
        await service.ask("POST", body="v=0")
    await service.endpoint.close()
    assert [session.closed for session in service.sessions] == [1, 1]


async def test_the_endpoint_answers_as_the_specification_says(service: Service) -> None:
    status, headers = await service.ask("OPTIONS")
    assert status == 200 and headers["Accept-Post"] == "application/sdp"
    assert (await service.ask("GET"))[0] == 204
    assert (await service.ask("PUT"))[0] == 405
    assert (await service.ask("POST", "/elsewhere"))[0] == 404
    assert (await service.ask("POST", Content_Type="text/plain"))[0] == 415


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (MalformedMessage("no"), 400),
        (NotAcceptable("no"), 406),
        (Busy("full"), 503),
        (Busy("taken", status=409), 409),
    ],
)
async def test_refusals_have_their_own_status(
    service: Service, refusal: RemoteError | Busy, status: int
) -> None:
    service.refusal = refusal
    answered, headers = await service.ask("POST", body="v=0")
    assert answered == status and ("Retry-After" in headers) == isinstance(refusal, Busy)


async def test_a_body_at_the_limit_is_read_and_one_past_is_not(service: Service) -> None:
    assert (await service.ask("POST", body="v" * SIGNALING_SDP_MAX_BYTES))[0] == 201
    assert (await service.ask("POST", body="v" * (SIGNALING_SDP_MAX_BYTES + 1)))[0] == 413
    assert len(service.sessions) == 1


@pytest.mark.parametrize("authorization", ["", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xff"])
async def test_without_the_token_nothing_is_opened(service: Service, authorization: str) -> None:
    status, headers = await service.ask("POST", body="v=0", Authorization=authorization)
    assert status == 401 and headers["WWW-Authenticate"] == "Bearer" and service.sessions == []


async def test_a_foreign_page_is_refused_and_an_allowed_one_may_read_the_answer(service: Service) -> None:
    for origin in ("https://evil.example", "null", f"{PAGE}.evil.example"):
        status, headers = await service.ask("POST", body="v=0", Origin=origin)
        assert status == 403 and "Access-Control-Allow-Origin" not in headers
    assert (await service.ask("OPTIONS", Origin=PAGE, Authorization=""))[0] == 200, "a preflight has no token"
    status, headers = await service.ask("POST", body="v=0", Origin=PAGE)
    assert status == 201 and headers["Access-Control-Allow-Origin"] == PAGE
    assert "Location" in headers["Access-Control-Expose-Headers"]


async def test_an_address_may_ask_as_often_as_the_limit_and_no_more(service: Service) -> None:
    async def ask() -> int:
        async with service.client.get("/whep", headers=BEARER) as response:
            return response.status

    assert [await ask() for _ in range(WHIP_REQUESTS_BURST + 1)] == [204] * WHIP_REQUESTS_BURST + [429]
    service.now_us += int(1_000_000 / WHIP_REQUESTS_PER_S)
    assert [await ask(), await ask()] == [204, 429]


async def test_only_so_many_addresses_are_remembered(service: Service) -> None:
    for number in range(WHIP_ADDRESSES_TRACKED + 1):
        service.endpoint._within_rate(f"address {number}")
    assert service.endpoint.addresses_tracked == WHIP_ADDRESSES_TRACKED


async def test_nothing_that_the_server_says_names_itself_or_may_be_kept(service: Service) -> None:
    _, headers = await service.ask("GET")
    assert headers["Server"] == "facewire" and headers["Cache-Control"] == "no-store"
