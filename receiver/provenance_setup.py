"""Decides who signs the recordings of a run, before anybody is called.

Must not import codecs. Invariant: a run that records either signs, or says once on standard error that it does not.
"""

import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from models.runtime.base import ModelInfo
from receiver.provenance import INSTALL, Facts, available, recording_signer
from receiver.provenance_identity import load_identity, new_identity


def signer_of(records: bool, key: str, model: ModelInfo) -> Callable[[Path], None] | None:
    """What signs finished recordings: with the key in the folder `key`, else one of this run's own.

    None when nothing is recorded, or the package is missing and no key was named. Raises UserError.
    """
    if not records:
        return None
    if not key and not available():
        print(
            f"receiver: the recording will carry no signed manifest; to sign it: {INSTALL}", file=sys.stderr
        )
        return None
    identity = load_identity(Path(key)) if key else new_identity("one run of facewire")
    return recording_signer(identity, Facts(model.name, model.sha256, _version()))


def _version() -> str:
    try:
        return version("facewire")
    except PackageNotFoundError:  # run from a checkout
        return "0"
