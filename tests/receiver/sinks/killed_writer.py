"""Writes a recording of 3.6 s, says so, and waits to be killed: python killed_writer.py SPEC."""

import sys
import time

from receiver.sinks.base import PictureState
from receiver.sinks.open import open_sinks
from tests.receiver.sinks.media import beep, flat

sinks = open_sinks([sys.argv[1]])
for tick in range(90):
    sinks.write_picture(flat(tick * 2), tick * 40, PictureState.FRESH)
    sinks.write_voice(beep(40), tick * 40)
    time.sleep(0.01)  # a recorder drops what comes faster than it can encode
time.sleep(1.0)
print("written", flush=True)
time.sleep(60)
