"""Decides who signs the recordings of a run, before anybody is called.

Must not import codecs. Invariant: a run that records either signs, or says once on standard error that it does not.
"""

import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from models.runtime.base import ModelInfo
from receiver.config import ReceiverConfig
from receiver.provenance import INSTALL, Facts, available, recording_signer
from receiver.provenance_identity import load_identity, new_identity


def signer_of(config: ReceiverConfig, model: ModelInfo) -> Callable[[Path], None] | None:
    """What signs finished recordings: with the key that the settings name, else one of this run's own.

    None when nothing is recorded, or the package is missing and no key was named. Raises UserError.
    """
    if not any(spec.startswith("mp4:") for spec in config.sink):
        return None
    if not config.provenance_key and not available():
        print(
            f"receiver: the recording will carry no signed manifest; to sign it: {INSTALL}", file=sys.stderr
        )
        return None
    key = config.provenance_key
    identity = load_identity(Path(key)) if key else new_identity("one run of facewire")
    return recording_signer(identity, Facts(model.name, model.sha256, _version()))


def _version() -> str:
    try:
        return version("facewire")
    except PackageNotFoundError:  # run from a checkout
        return "0"
