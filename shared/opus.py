"""The one binding of libopus: encoder with DTX, decoder with concealment, packet durations.

PyAV carries libopus but exposes neither DTX nor packet-loss concealment, so its bundled library is called through
ctypes. Must import the standard library, numpy and `shared` only (PyAV's folder is found, not imported). Invariant:
bytes from a peer can only give bounded PCM or `MalformedMessage`; native memory is freed by `close()` or, at the
latest, with the object. Codecs are not thread-safe: use each from one thread at a time.

Source: RFC 6716 (Opus), RFC 7587 (its use in calls), the libopus 1.x C interface.
"""

import ctypes
import ctypes.util
import importlib.util
import weakref
from functools import cache
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.errors import MalformedMessage, UserError
from shared.limits import OPUS_BITRATE_MAX_BPS, OPUS_BITRATE_MIN_BPS, VOICE_PACKET_MAX_BYTES

SAMPLE_RATE_HZ: Final = 48_000
SAMPLES_PER_MS: Final = SAMPLE_RATE_HZ // 1000
FRAME_DURATIONS_MS: Final = (20, 40, 60, 80, 100, 120)
"""Packet durations that the protocol allows; 120 ms is the longest that Opus has (RFC 6716 section 3.2)."""
FRAME_MAX_MS: Final = FRAME_DURATIONS_MS[-1]
DTX_PACKET_MAX_BYTES: Final = 2
"""libopus: a packet of at most two bytes carries no sound and need not be sent."""

_APPLICATION_VOIP: Final = 2048
_SIGNAL_VOICE: Final = 3001
_SET_BITRATE: Final = 4002
_SET_COMPLEXITY: Final = 4010
_SET_PACKET_LOSS_PERCENT: Final = 4014
_SET_DTX: Final = 4016
_SET_SIGNAL: Final = 4024
_SET_EXPERT_FRAME_DURATION: Final = 4040
_FRAMESIZE_BY_MS: Final = {20: 5004, 40: 5005, 60: 5006, 80: 5007, 100: 5008, 120: 5009}


def packet_duration_ms(packet: bytes) -> int:
    """Duration that an Opus packet claims, from its first one or two bytes (RFC 6716 section 3.1 and 3.2.5).

    Returns one of FRAME_DURATIONS_MS. Raises MalformedMessage for an empty or cut packet and for any other duration.
    """
    if not packet:
        raise MalformedMessage("empty Opus packet")
    toc = packet[0]
    frames = _frame_count(packet)
    duration_ms = frames * _frame_us(toc >> 3) / 1000
    if duration_ms not in FRAME_DURATIONS_MS:
        raise MalformedMessage(f"Opus packet of {duration_ms:g} ms; allowed are {FRAME_DURATIONS_MS}")
    return int(duration_ms)


def _frame_us(config: int) -> int:
    """Length of one frame in microseconds for the TOC's 5-bit configuration (RFC 6716, table 2)."""
    if config < 12:
        return (10_000, 20_000, 40_000, 60_000)[config & 3]  # SILK
    if config < 16:
        return (10_000, 20_000)[config & 1]  # hybrid
    return (2_500, 5_000, 10_000, 20_000)[config & 3]  # CELT


def _frame_count(packet: bytes) -> int:
    code = packet[0] & 3
    if code < 3:
        return 1 if code == 0 else 2
    if len(packet) < 2:
        raise MalformedMessage("Opus packet of code 3 without its frame count")
    return packet[1] & 0x3F


def is_silence(packet: bytes) -> bool:
    """Whether the packet is a DTX packet: it keeps the time but carries no sound. An empty one counts as silence."""
    return len(packet) <= DTX_PACKET_MAX_BYTES


class OpusEncoder:
    """Mono voice at 48 kHz to Opus packets of one fixed duration.

    bitrate_bps: OPUS_BITRATE_MIN_BPS..OPUS_BITRATE_MAX_BPS. frame_ms: one of FRAME_DURATIONS_MS. dtx: silence becomes
    packets of one or two bytes. complexity: 0..10. Raises UserError for a setting out of range or without libopus.
    """

    def __init__(self, bitrate_bps: int, frame_ms: int, dtx: bool = True, complexity: int = 10) -> None:
        if frame_ms not in FRAME_DURATIONS_MS:
            raise UserError(
                f"Opus frames last one of {FRAME_DURATIONS_MS} ms, not {frame_ms}: choose one of these."
            )
        _check_range("Opus complexity", complexity, 0, 10)
        _check_range("Opus bitrate in bit/s", bitrate_bps, OPUS_BITRATE_MIN_BPS, OPUS_BITRATE_MAX_BPS)
        self.frame_ms = frame_ms
        self._library = _library()
        error = ctypes.c_int()
        handle = self._library.opus_encoder_create(SAMPLE_RATE_HZ, 1, _APPLICATION_VOIP, ctypes.byref(error))
        if not handle:
            raise UserError(f"libopus gave no encoder (error {error.value}): reinstall the package av.")
        self._handle: int | None = handle
        self._release = weakref.finalize(self, self._library.opus_encoder_destroy, handle)
        self._set(_SET_BITRATE, bitrate_bps)
        self._set(_SET_COMPLEXITY, complexity)
        self._set(_SET_SIGNAL, _SIGNAL_VOICE)
        self._set(_SET_DTX, int(dtx))
        self._set(_SET_EXPERT_FRAME_DURATION, _FRAMESIZE_BY_MS[frame_ms])

    @property
    def frame_samples(self) -> int:
        """Samples that `encode` takes."""
        return self.frame_ms * SAMPLES_PER_MS

    def encode(self, pcm: NDArray[np.int16]) -> bytes:
        """One packet (1..VOICE_PACKET_MAX_BYTES bytes) from int16 (frame_samples,); `is_silence` tells DTX packets.

        Raises UserError if the array has another type or length.
        """
        if pcm.dtype != np.int16 or pcm.shape != (self.frame_samples,):
            raise UserError(f"Opus needs int16 ({self.frame_samples},), got {pcm.dtype} {pcm.shape}.")
        samples = np.ascontiguousarray(pcm)
        packet = (ctypes.c_ubyte * VOICE_PACKET_MAX_BYTES)()
        size = self._library.opus_encode(
            _open(self._handle), samples.ctypes.data, self.frame_samples, packet, VOICE_PACKET_MAX_BYTES
        )
        if size < 0:
            raise UserError(f"libopus could not encode (error {size}): please report this.")
        return bytes(packet[:size])

    def set_bitrate(self, bitrate_bps: int) -> None:
        """Applies from the next packet on. Raises UserError if out of range."""
        _check_range("Opus bitrate in bit/s", bitrate_bps, OPUS_BITRATE_MIN_BPS, OPUS_BITRATE_MAX_BPS)
        self._set(_SET_BITRATE, bitrate_bps)

    def set_frame_ms(self, frame_ms: int) -> None:
        """Duration of the packets from the next one on; the encoder's memory goes on, so nothing is heard of it.

        Raises UserError for one that does not exist.
        """
        if frame_ms not in FRAME_DURATIONS_MS:
            raise UserError(
                f"Opus frames last one of {FRAME_DURATIONS_MS} ms, not {frame_ms}: choose one of these."
            )
        self._set(_SET_EXPERT_FRAME_DURATION, _FRAMESIZE_BY_MS[frame_ms])
        self.frame_ms = frame_ms

    def set_packet_loss(self, percent: int) -> None:
        """Expected loss, 0..100 %: the encoder then leans less on earlier packets. Raises UserError if out of range."""
        _check_range("Packet loss in %", percent, 0, 100)
        self._set(_SET_PACKET_LOSS_PERCENT, percent)

    def close(self) -> None:
        """Frees the native encoder. May be called twice."""
        self._handle = None
        self._release()

    def __enter__(self) -> Self:
        """The encoder itself, closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Frees the native encoder."""
        self.close()

    def _set(self, request: int, value: int) -> None:
        code = self._library.opus_encoder_ctl(_open(self._handle), request, ctypes.c_int32(value))
        if code < 0:
            raise UserError(f"libopus refused the setting {request} = {value} (error {code}).")


class OpusDecoder:
    """Opus packets of a peer to mono PCM at 48 kHz, with concealment of what was lost."""

    def __init__(self) -> None:
        self._library = _library()
        error = ctypes.c_int()
        handle = self._library.opus_decoder_create(SAMPLE_RATE_HZ, 1, ctypes.byref(error))
        if not handle:
            raise UserError(f"libopus gave no decoder (error {error.value}): reinstall the package av.")
        self._handle: int | None = handle
        self._release = weakref.finalize(self, self._library.opus_decoder_destroy, handle)

    def decode(self, packet: bytes) -> NDArray[np.int16]:
        """int16 (samples,), at most FRAME_MAX_MS of sound. Raises MalformedMessage on anything libopus refuses."""
        if len(packet) > VOICE_PACKET_MAX_BYTES:
            raise MalformedMessage(f"Opus packet of {len(packet)} bytes; at most {VOICE_PACKET_MAX_BYTES}")
        samples = packet_duration_ms(packet) * SAMPLES_PER_MS
        return self._decode(packet, samples)

    def conceal(self, duration_ms: int) -> NDArray[np.int16]:
        """Sound in the place of a lost packet, int16 (duration_ms * 48,). duration_ms: 5..FRAME_MAX_MS in fives."""
        if duration_ms % 5 or not 5 <= duration_ms <= FRAME_MAX_MS:
            raise UserError(f"Concealment lasts 5 to {FRAME_MAX_MS} ms in steps of 5, not {duration_ms}.")
        return self._decode(None, duration_ms * SAMPLES_PER_MS)

    def close(self) -> None:
        """Frees the native decoder. May be called twice."""
        self._handle = None
        self._release()

    def __enter__(self) -> Self:
        """The decoder itself, closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Frees the native decoder."""
        self.close()

    def _decode(self, packet: bytes | None, samples: int) -> NDArray[np.int16]:
        pcm = np.zeros(samples, np.int16)
        size = 0 if packet is None else len(packet)
        done = self._library.opus_decode(_open(self._handle), packet, size, pcm.ctypes.data, samples, 0)
        if done < 0:
            raise MalformedMessage(f"libopus refused the packet (error {done})")
        return pcm[:done]


def _open(handle: int | None) -> int:
    if handle is None:
        raise UserError("The Opus codec was closed and is used again: make a new one.")
    return handle


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UserError(f"{name} must be {low} to {high}, not {value}.")


@cache
def _library() -> ctypes.CDLL:
    path = _bundled_library() or ctypes.util.find_library("opus")
    if path is None:
        raise UserError(
            "libopus was not found: the installed package av carries none. Install av from its wheel "
            "(pip install --force-reinstall --only-binary av av) or the system's libopus (apt install libopus0)."
        )
    try:
        return _declare(ctypes.CDLL(str(path)))
    except (OSError, AttributeError) as error:
        raise UserError(f"libopus at {path} cannot be used ({error}): reinstall the package av.") from error


def _bundled_library() -> Path | None:
    """PyAV's own copy: av.libs beside the package (Linux, Windows) or av/.dylibs inside it (macOS)."""
    spec = importlib.util.find_spec("av")
    if spec is None or not spec.submodule_search_locations:
        return None
    package = Path(next(iter(spec.submodule_search_locations)))
    for folder in (package.parent / "av.libs", package / ".dylibs"):
        found = sorted(folder.glob("*opus*"))
        if found:
            return found[0]
    return None


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Sets argument types. The ctl call is variadic: only its fixed arguments are named, so that ctypes
    passes the rest as variadic ones, which differs from fixed ones on Apple's arm64."""
    pointer, number, text = ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p
    error = ctypes.POINTER(ctypes.c_int)
    signatures: dict[str, tuple[object, list[object]]] = {
        "opus_encoder_create": (pointer, [number, ctypes.c_int, ctypes.c_int, error]),
        "opus_encoder_destroy": (None, [pointer]),
        "opus_encoder_ctl": (ctypes.c_int, [pointer, ctypes.c_int]),
        "opus_encode": (number, [pointer, pointer, ctypes.c_int, pointer, number]),
        "opus_decoder_create": (pointer, [number, ctypes.c_int, error]),
        "opus_decoder_destroy": (None, [pointer]),
        "opus_decode": (ctypes.c_int, [pointer, text, number, pointer, ctypes.c_int, ctypes.c_int]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
