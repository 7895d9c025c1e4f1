"""Speak a text with eSpeak NG and learn when each sound falls: the library's own phoneme events, through
ctypes.

Must import the standard library and numpy only. Needed to make the sample, not to use it. Invariant: phoneme
times are on the clock of the samples returned.
"""

import ctypes
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.errors import UserError

LIBRARY: Final = "libespeak-ng.so.1"
# The constants below are those of eSpeak NG's speak_lib.h.
AUDIO_OUTPUT_SYNCHRONOUS: Final = 2
INITIALIZE_PHONEME_EVENTS: Final = 1
EVENT_LIST_TERMINATED: Final = 0
EVENT_PHONEME: Final = 7
PARAMETER_RATE: Final = 1
CHARS_UTF8: Final = 1


@dataclass(frozen=True, slots=True)
class Phoneme:
    """One sound: start in seconds, and eSpeak NG's mnemonic ("_" and "_:" are pauses)."""

    start_s: float
    name: str


@dataclass(frozen=True, slots=True)
class Speech:
    """pcm: int16 mono at rate_hz. phonemes: in the order of time."""

    pcm: NDArray[np.int16]
    rate_hz: int
    phonemes: tuple[Phoneme, ...]


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def speak(text: str, voice: str, words_per_minute: int) -> Speech:
    """Synthesise `text`. UserError when eSpeak NG is not installed or does not know the voice."""
    library = _open()
    rate_hz = library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, None, INITIALIZE_PHONEME_EVENTS)
    if rate_hz <= 0 or library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise UserError(
            f"eSpeak NG cannot speak with the voice {voice!r}; `espeak-ng --voices` lists what there is"
        )
    library.espeak_SetParameter(PARAMETER_RATE, words_per_minute, 0)
    pcm, phonemes = bytearray(), []

    def collect(samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            pcm.extend(ctypes.string_at(samples, 2 * count))
        at = 0
        while events[at].type != EVENT_LIST_TERMINATED:
            if events[at].type == EVENT_PHONEME:
                phonemes.append(Phoneme(events[at].audio_position_ms / 1000, events[at].id.string.decode()))
            at += 1
        return 0

    callback = _Callback(collect)
    library.espeak_SetSynthCallback(callback)
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, 1, 0, CHARS_UTF8, None, None)
    library.espeak_Synchronize()
    library.espeak_Terminate()
    return Speech(np.frombuffer(bytes(pcm), np.int16), rate_hz, tuple(phonemes))


def _open() -> ctypes.CDLL:
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise UserError(
            f"eSpeak NG is not installed ({LIBRARY} not found): the sample can be used without it, "
            "but to make it again install the system package espeak-ng"
        ) from error
