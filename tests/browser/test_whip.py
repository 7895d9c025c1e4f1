"""Chromium as an ordinary WHEP player and as an ordinary WHIP publisher: no line of the project's page takes part."""

import asyncio
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from receiver.sinks.whep import WhepSink
from sender.sources.base import SourcePicture, SourceVoice
from sender.sources.whip import WhipSource
from shared.transport.whip_access import parse_access
from tests.receiver.sinks.test_whep import Call

TOKEN = "a-token-of-the-test"
EXCHANGE = """
async (pc, url, token) => {
  await pc.setLocalDescription();
  const headers = { "Content-Type": "application/sdp", Authorization: `Bearer ${token}` };
  const answer = await fetch(url, { method: "POST", body: pc.localDescription.sdp, headers });
  if (answer.status !== 201) throw new Error(`status ${answer.status}: ${await answer.text()}`);
  await pc.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  const gone = () => fetch(new URL(answer.headers.get("Location"), url), { method: "DELETE", headers });
  return { gone };
}"""
PLAY = (
    """
async ([url, token]) => {
  const pc = new RTCPeerConnection();
  const stream = new MediaStream();
  pc.ontrack = (event) => stream.addTrack(event.track);
  for (const kind of ["audio", "video"]) pc.addTransceiver(kind, { direction: "recvonly" });
  const session = await ("""
    + EXCHANGE
    + """)(pc, url, token);
  const video = document.createElement("video");
  video.srcObject = stream;
  await video.play();
  const canvas = new OffscreenCanvas(256, 256).getContext("2d", { willReadFrequently: true });
  const levels = [];
  let energy = 0;
  for (let turn = 0; turn < 300; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 40));
    canvas.drawImage(video, 0, 0, 256, 256);
    levels.push(canvas.getImageData(100, 100, 1, 1).data[0]);
    for (const row of (await pc.getStats()).values())
      if (row.type === "inbound-rtp" && row.kind === "audio") energy = row.totalAudioEnergy;
    if (Math.min(...levels) < 80 && Math.max(...levels) > 200 && energy > 0.001) break;
  }
  const ended = await session.gone();
  pc.close();
  return { width: video.videoWidth, dark: Math.min(...levels), bright: Math.max(...levels), energy, ended: ended.status };
}"""
)
PUBLISH = (
    """
async ([url, token]) => {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 240 } });
  const pc = new RTCPeerConnection();
  for (const track of stream.getTracks()) pc.addTransceiver(track, { direction: "sendonly", streams: [stream] });
  const session = await ("""
    + EXCHANGE
    + """)(pc, url, token);
  globalThis.endPublishing = async () => { const ended = await session.gone(); pc.close(); return ended.status; };
}"""
)


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[str]:
    """Somebody else's web page on another port."""
    (tmp_path / "index.html").write_text("<!doctype html><title>player</title>")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(chromium: Any, origin: str) -> Iterator[Any]:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(origin)
    yield page
    context.close()


def _options(origin: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("FACEWIRE_TEST_TOKEN", TOKEN)
    return f"127.0.0.1:0?token-env=FACEWIRE_TEST_TOKEN&origin={origin}"


def test_chromium_watches_a_call(page: Any, origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = WhepSink(parse_access("whep", _options(origin, monkeypatch)))
    call = Call(sink)
    try:
        seen = page.evaluate(PLAY, [f"http://127.0.0.1:{sink.port}/whep", TOKEN])
    finally:
        call.stop()
        sink.close()
    assert seen["width"] == 256 and seen["ended"] == 200
    assert seen["dark"] < 80 and seen["bright"] > 200 and seen["energy"] > 0.001


class Taken(threading.Thread):
    """What a source gives, in a loop of its own."""

    def __init__(self, source: WhipSource) -> None:
        super().__init__()
        self._source = source
        self.pictures: list[SourcePicture] = []
        self.voice: list[SourceVoice] = []

    def run(self) -> None:
        asyncio.run(self._take())

    async def _take(self) -> None:
        async def see() -> None:
            async for picture in self._source.pictures():
                self.pictures.append(picture)

        async def hear() -> None:
            async for block in self._source.voice():
                self.voice.append(block)

        async def end() -> None:
            deadline_s = time.monotonic() + 60
            while time.monotonic() < deadline_s and not (len(self.pictures) > 50 and self._loud()):
                await asyncio.sleep(0.1)
            await self._source.close()

        await asyncio.gather(see(), hear(), end())

    def _loud(self) -> bool:
        return any(np.abs(block.pcm).max() > 500 for block in self.voice)


def test_chromium_publishes_into_a_call(page: Any, origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = WhipSource(parse_access("whip", _options(origin, monkeypatch)))
    taken = Taken(source)
    taken.start()
    page.evaluate(PUBLISH, [f"http://127.0.0.1:{source.port}/whip", TOKEN])
    taken.join()
    assert len(taken.pictures) > 50 and taken._loud()
    first, last = taken.pictures[0].rgb, taken.pictures[-1].rgb
    assert first.shape[2] == 3 and np.abs(first.astype(int).mean() - last.astype(int).mean()) < 100
    assert len({picture.media_ms for picture in taken.pictures}) == len(taken.pictures)
