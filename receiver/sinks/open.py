"""From specs such as `mp4:call.mp4` to open sinks, and the one door through which pictures reach them.

Must not import codecs, windows or WebRTC before a spec asks for them. Invariant: a showing sink only ever gets marked
pictures; one sink that fails is closed and reported, and the others go on.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from receiver.disclosure import label, mark
from receiver.sinks.base import PictureState, Sink, SinkFailed
from receiver.sinks.none import NoneSink
from shared.errors import UserError

_LOG = logging.getLogger("facewire.receiver.sinks")
SPECS = (
    "mp4:PATH, lossless:PATH (to measure with, unmarked), window, whep:HOST:PORT (any WebRTC player watches), "
    "push:rtmp://... or push:rtsp://..., pipe:PATH or pipe:- (raw pictures), virtual-camera or none"
)


def open_sink(spec: str, sign: Callable[[Path], None] | None = None) -> Sink:
    """One sink from its spec. sign: puts its provenance into a finished recording.

    Raises UserError for an unknown spec or one that cannot be opened here.
    """
    kind, _, rest = spec.partition(":")
    if kind in ("mp4", "lossless") and rest:
        return _open_file(kind, Path(rest), sign)
    if kind in ("whep", "push", "pipe") and rest:
        return _open_stream(kind, rest)
    if kind == "virtual-camera":
        from receiver.sinks.virtual_camera import open_virtual_camera

        return open_virtual_camera(rest)
    if spec == "none":
        return NoneSink()
    if spec == "window":
        from receiver.sinks.window import open_window

        return open_window()
    raise UserError(f"Unknown sink '{spec}'. Use one of {SPECS}; give --sink again for several.")


def _open_stream(kind: str, rest: str) -> Sink:
    if kind == "whep":
        from receiver.sinks.whep import open_whep

        return open_whep(rest)
    if kind == "push":
        from receiver.sinks.push import open_push

        return open_push(rest)
    from receiver.sinks.pipe import open_pipe

    return open_pipe(rest)


def _open_file(kind: str, path: Path, sign: Callable[[Path], None] | None) -> Sink:
    if not path.resolve().parent.is_dir():
        raise UserError(f"Cannot write {path}: its folder does not exist. Make the folder first.")
    if kind == "mp4":
        from receiver.sinks.mp4 import open_mp4

        return open_mp4(path, sign)
    from receiver.sinks.lossless import open_lossless

    return open_lossless(path)


class SinkSet:
    """All sinks of one call."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = list(sinks)
        self._last_picture: NDArray[np.uint8] | None = None
        self.failures: list[str] = []

    def add(self, sink: Sink) -> None:
        """One more, closed with the others; before the call begins."""
        self._sinks.append(sink)

    @property
    def last_picture(self) -> NDArray[np.uint8] | None:
        """The newest picture with a media time, unmarked; None before the first."""
        return self._last_picture

    def write_picture(
        self,
        picture: NDArray[np.uint8],
        media_ms: int | None,
        state: PictureState,
        reconstructed: bool = True,
    ) -> None:
        """Give one picture, RGB uint8 (256, 256, 3), to every sink: marked where people see it.

        media_ms None: there is no media clock yet; only live sinks take the picture. reconstructed: made by the network,
        and not sent as it is.
        """
        if media_ms is not None:
            self._last_picture = picture
        text = label(reconstructed, frozen=state is PictureState.HELD)
        marked = mark(picture, text) if any(sink.shows for sink in self._sinks) else picture
        for sink in self._sinks[:]:
            if media_ms is not None or sink.live:
                try:
                    sink.write_picture(marked if sink.shows else picture, media_ms or 0, state)
                except SinkFailed as error:
                    self._drop(sink, error)

    def write_voice(self, pcm: NDArray[np.int16], media_ms: int, stretch: bool = False) -> None:
        """Give voice, int16 (samples,) mono 48 kHz, to every sink.

        stretch: sound for a moment in which no media time passes; it is heard live and left out of recordings.
        """
        for sink in self._sinks[:]:
            if sink.live or not stretch:
                try:
                    sink.write_voice(pcm, media_ms)
                except SinkFailed as error:
                    self._drop(sink, error)

    def close(self) -> None:
        """Close every sink, whatever the others do."""
        for sink in self._sinks[:]:
            self._close(sink)
        self._sinks.clear()

    @property
    def empty(self) -> bool:
        """True when no sink is left to write to."""
        return not self._sinks

    def _drop(self, sink: Sink, error: SinkFailed) -> None:
        self._sinks.remove(sink)
        self._report(error)
        self._close(sink)

    def _close(self, sink: Sink) -> None:
        try:
            sink.close()
        except SinkFailed as error:
            self._report(error)

    def _report(self, error: SinkFailed) -> None:
        self.failures.append(str(error))
        _LOG.error("%s", error)


def open_sinks(specs: Sequence[str], sign: Callable[[Path], None] | None = None) -> SinkSet:
    """Open all specs, recordings to be signed by `sign`.

    If one cannot be opened, those before it are closed and its UserError is raised.
    """
    sinks: list[Sink] = []
    try:
        for spec in specs:
            sinks.append(open_sink(spec, sign))
    except UserError:
        SinkSet(sinks).close()
        raise
    return SinkSet(sinks)
