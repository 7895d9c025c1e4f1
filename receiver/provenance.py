"""What a recording says about itself, signed: a C2PA manifest inside the mp4 (C2PA specification 2.x, c2pa-python).

C2PA rather than a sidecar file: the manifest stays with the film when it is sent on, is read by the tools that others
already have, and the library is maintained by its authors, works offline with a local key, and has wheels for every Python
that this project supports. It is an optional package (16 MB): without it recordings keep the visible and the invisible mark.

Must not import codecs; imports c2pa only when something is signed or read. Invariants: signing replaces the film in one step, so
a film is whole at every moment, signed or not; nothing here asks the network (no time stamps, no OCSP, no remote manifests).
"""

import datetime
import importlib
import importlib.util
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from receiver.provenance_identity import Identity
from shared.errors import UserError

PACKAGE: Final = "c2pa"
INSTALL: Final = "pip install 'facewire[c2pa]'"
ASSERTION: Final = "facewire.reconstruction"
_FORMAT: Final = "video/mp4"
_SOURCE_TYPE: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC: made by a trained model, together with something that was not: the voice."""
_TEXT: Final = "The pictures were reconstructed by a neural network from motion data; the voice was recorded."
_SETTINGS: Final = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}
_UNTRUSTED: Final = "signingCredential.untrusted"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a manifest says beside "reconstructed". model: name of the network; model_sha256: digest of its files, hex."""

    model: str
    model_sha256: str
    generator_version: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """What was read from a film."""

    intact: bool
    """Signature and hashes are right: nobody changed the film since the holder of the key signed it."""
    trusted: bool
    """The signer's certificate comes from an authority that the reader was told to trust."""
    problems: tuple[str, ...]
    """C2PA's codes of what is wrong."""
    signer: str
    generator: str
    signed_at: str
    """As the signer's clock said, ISO 8601; "" if the manifest does not say."""
    facts: Facts | None
    """None: the manifest is not facewire's."""


def available() -> bool:
    """The package that signs is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def recording_signer(identity: Identity, facts: Facts) -> Callable[[Path], None]:
    """What a recording calls with its finished file. Raises UserError when the package is missing."""
    _c2pa()
    return lambda path: sign_recording(path, identity, facts)


def sign_recording(path: Path, identity: Identity, facts: Facts) -> None:
    """Put a signed manifest into a finished mp4. Raises UserError when that fails; the film then stays as it was."""
    c2pa = _c2pa()
    signed = path.with_name(path.name + ".signing")
    try:
        signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo("es256", identity.chain, identity.key, None))
        builder = c2pa.Builder(_manifest(path, facts), _context(None))
        with path.open("rb") as film, signed.open("w+b") as result:
            builder.sign(signer, _FORMAT, film, result)
        os.replace(signed, path)
    except (OSError, c2pa.C2paError) as error:
        signed.unlink(missing_ok=True)
        raise UserError(
            f"{path} could not be signed ({error}). The film is whole, but has no manifest."
        ) from error


def read_provenance(path: Path, trust: bytes | None = None) -> Provenance | None:
    """The newest manifest of a film, None when it has none. trust: authorities in PEM. Raises UserError for no film."""
    c2pa = _c2pa()
    try:
        with path.open("rb") as film, c2pa.Reader(_FORMAT, film, context=_context(trust)) as reader:
            manifest = json.loads(reader.json())
            state = reader.get_validation_state()
    except (OSError, ValueError, c2pa.C2paError) as error:
        if str(error).startswith("ManifestNotFound"):
            return None
        raise UserError(f"Cannot read {path} ({error}). Name an mp4 file.") from error
    return _provenance(manifest, str(state))


def _provenance(store: dict[str, Any], state: str) -> Provenance:
    active = store["manifests"][store["active_manifest"]]
    by_label = {one["label"]: one["data"] for one in active.get("assertions", [])}
    own = by_label.get(ASSERTION)
    signature = active.get("signature_info", {})
    generator = active.get("claim_generator_info", [{}])[0]
    problems = tuple(one["code"] for one in store.get("validation_status", []) if one["code"] != _UNTRUSTED)
    return Provenance(
        intact=state in ("Valid", "Trusted") and not problems,
        trusted=state == "Trusted",
        problems=problems,
        signer=f"{signature.get('common_name', '')} ({signature.get('issuer', '')})",
        generator=f"{generator.get('name', '')} {generator.get('version', '')}".strip(),
        signed_at=str(own.get("signed_at", "")) if own else "",
        facts=_facts(own, generator) if own else None,
    )


def _facts(own: dict[str, Any], generator: dict[str, Any]) -> Facts:
    model, digest = str(own.get("model", "")), str(own.get("model_sha256", ""))
    return Facts(model, digest, str(generator.get("version", "")))


def _manifest(path: Path, facts: Facts) -> dict[str, Any]:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    created = {"action": "c2pa.created", "when": now, "digitalSourceType": _SOURCE_TYPE}
    reconstruction = {
        "reconstructed": True,
        "text": _TEXT,
        "model": facts.model,
        "model_sha256": facts.model_sha256,
        "signed_at": now,
    }
    return {
        "claim_generator_info": [{"name": "facewire", "version": facts.generator_version}],
        "title": path.name,
        "format": _FORMAT,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
            {"label": ASSERTION, "data": reconstruction},
        ],
    }


def _context(trust: bytes | None) -> Any:
    settings: dict[str, Any] = dict(_SETTINGS)
    if trust is not None:
        settings["trust"] = {"trust_anchors": trust.decode("utf-8", "replace")}
    c2pa = _c2pa()
    return c2pa.Context(c2pa.Settings.from_dict(settings))


def _c2pa() -> Any:
    """The package, which ships no types. Raises UserError when it is not installed or does not load."""
    try:
        return importlib.import_module(PACKAGE)
    except (ImportError, OSError, RuntimeError) as error:
        raise UserError(
            f"Signing and verifying recordings needs c2pa-python ({error}). Install it: {INSTALL}"
        ) from error
