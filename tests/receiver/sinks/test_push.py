"""receiver.sinks.push, against FFmpeg's own listeners of RTMP and RTSP."""

import io
import itertools
import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from receiver.sinks.base import PictureState
from receiver.sinks.live_sink import LiveSink
from receiver.sinks.push import PushWork, open_push, retry_pauses, shown_url
from receiver.sinks.push_process import Record, read_record
from shared.errors import UserError
from shared.limits import PUSH_RETRY_MAX_S, PUSH_RETRY_MIN_S, PUSH_STALL_S
from tests.receiver.sinks.media import beep, flat

LISTEN = {
    "rtmp": ("flv", {"listen": "1", "probesize": "32768", "analyzeduration": "500000"}),
    "rtsp": ("rtsp", {"rtsp_flags": "listen", "listen_timeout": "60"}),
}
KEY = "my-secret-key"


def soon() -> Iterator[float]:
    return itertools.repeat(0.2)


class Listener(threading.Thread):
    """A streaming server: takes one stream until it has seen enough of it, then goes away."""

    def __init__(self, kind: str, pictures: int) -> None:
        super().__init__(daemon=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.url = f"{kind}://127.0.0.1:{free.getsockname()[1]}/live/{KEY}"
        self._kind, self._wanted = kind, pictures
        self.levels: list[int] = []
        self.loudest = 0.0
        self.codecs: set[str] = set()

    def run(self) -> None:
        format_name, options = LISTEN[self._kind]
        with av.open(self.url, "r", format=format_name, options=options) as container:
            self.codecs = {stream.codec_context.name for stream in container.streams}
            for packet in container.demux():
                for frame in packet.decode():
                    if isinstance(frame, av.AudioFrame):
                        self.loudest = max(self.loudest, float(np.abs(frame.to_ndarray()).max()))
                    else:
                        self.levels.append(int(frame.to_ndarray(format="rgb24")[100, 100, 0]))
                if len(self.levels) >= self._wanted and self.loudest > 0.3:
                    return


def call_until(sink: LiveSink, listener: Listener, seconds: float = 60) -> None:
    """Changing pictures and a voice, until the listener has what it wants."""
    number, end_s = 0, time.monotonic() + seconds
    while listener.is_alive() and time.monotonic() < end_s:
        sink.write_picture(flat(230 if number // 5 % 2 else 30), number * 40, PictureState.FRESH)
        sink.write_voice(beep(40), number * 40)
        number += 1
        time.sleep(0.04)


@pytest.mark.network
@pytest.mark.parametrize("kind", ["rtmp", "rtsp"])
def test_a_server_that_comes_late_gets_pictures_that_change_and_a_voice(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener(kind, pictures=12)
    sink = LiveSink("push", PushWork(listener.url, pauses=soon))
    with caplog.at_level(logging.WARNING):
        while "trying again in 0.2 s" not in caplog.text:
            time.sleep(0.01)
        listener.start()
        call_until(sink, listener)
        sink.close()
    assert listener.codecs == {"h264", "aac"}
    assert min(listener.levels) < 60 and max(listener.levels) > 200 and listener.loudest > 0.3
    assert f"sending to {kind}://127.0.0.1" in caplog.text and KEY not in caplog.text


@pytest.mark.network
def test_a_server_that_does_not_answer_is_given_up_and_holds_up_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert PUSH_STALL_S > 2.0, "the limit that this test shortens"
    with socket.create_server(("127.0.0.1", 0)) as deaf, caplog.at_level(logging.WARNING):
        sink = LiveSink("push", PushWork(f"rtmp://127.0.0.1:{deaf.getsockname()[1]}/a/b", 0.3, soon))
        while caplog.text.count("it took nothing for 0.3 s") < 2:
            started_s = time.monotonic()
            sink.write_picture(flat(1), 0, PictureState.FRESH)
            assert time.monotonic() - started_s < 0.5
            time.sleep(0.01)
        sink.close()
    assert not sink._thread.is_alive()


def test_pauses_double_from_the_least_to_the_most() -> None:
    pauses = list(itertools.islice(retry_pauses(), 8))
    assert pauses[:3] == [PUSH_RETRY_MIN_S, 2 * PUSH_RETRY_MIN_S, 4 * PUSH_RETRY_MIN_S]
    assert pauses[-2:] == [PUSH_RETRY_MAX_S] * 2


def test_records_come_back_and_a_torn_one_is_the_end() -> None:
    rng = np.random.default_rng(0)
    record = Record(1240, rng.integers(0, 256, (256, 256, 3), np.uint8), 1200, beep(40))
    data = bytes(record)
    stream = io.BytesIO(data + data[:-1])
    back = read_record(stream)
    assert back is not None and (back.at_ms, back.voice_ms) == (1240, 1200)
    assert np.array_equal(back.picture, record.picture) and np.array_equal(back.pcm, record.pcm)
    assert read_record(stream) is None and read_record(io.BytesIO(data[:5])) is None


def test_messages_name_the_host_and_not_the_key(tmp_path: Path) -> None:
    assert shown_url(f"rtmp://user:pass@live.example:1935/app/{KEY}") == "rtmp://live.example:1935/..."
    with pytest.raises(UserError, match="needs an address") as refused:
        open_push(f"http://live.example/{KEY}")
    assert KEY not in str(refused.value)
    (tmp_path / "address").write_text("rtmp://127.0.0.1:1/a\n")
    sink = open_push(f"@{tmp_path / 'address'}")
    assert sink.name == "push:rtmp://127.0.0.1:1/..."
    sink.close()


@pytest.mark.parametrize(
    "text", ["@/no/such/file", "rtmp://", "rtmp://host:99999/a", "rtmp://host/a\nb", "host/app"]
)
def test_what_can_be_no_address_is_the_users_mistake(text: str) -> None:
    with pytest.raises(UserError, match="address"):
        open_push(text)
