"""One receiver of many calls, from its settings to its end: what a process runs, and what a fleet runs on each machine.

Invariant: everything that can be refused is refused before the pool is told of this receiver.
"""

import asyncio
import os
import secrets
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from models.runtime.base import Backend
from models.weights import use_weights
from receiver.fitting import open_fitting
from receiver.provenance_setup import signer_of
from receiver.render_worker import RenderWorker
from receiver.service.config import ServiceConfig
from receiver.service.service import ReceiverService, ServiceReport
from shared.errors import UserError
from shared.limits import RENDER_CALLS_MAX, SIGNALING_TOKEN_MAX_BYTES


async def run_service(
    config: ServiceConfig,
    began: Callable[[ReceiverService], None],
    on_report: Callable[[ServiceReport], None],
) -> None:
    """Serve until drained. began: is handed the service before it asks the pool for rooms. Raises UserError."""
    token = partial(pool_token, config)
    token()
    config.watch_access()
    if config.weights:
        use_weights(Path(config.weights))
    backend = await asyncio.to_thread(open_fitting, config.backend, config.size, config.threads)
    places = config.calls or default_calls(backend)
    print(
        f"receiver: {backend.model.name} on {backend.device} ({backend.name}), at most {places} calls",
        file=sys.stderr,
    )
    sign = signer_of(bool(config.record), config.provenance_key, backend.model)
    worker = RenderWorker(backend)
    try:
        name = config.name or secrets.token_urlsafe(12)
        service = ReceiverService(config, worker, places, name, token, sign, on_report)
        began(service)
        await service.run()
    finally:
        await asyncio.to_thread(worker.close)


def default_calls(backend: Backend) -> int:
    """How many calls an engine is fit for when nobody says: a card's limit shows in its load, a CPU's too late."""
    return RENDER_CALLS_MAX if backend.name == "cuda" else 1


def pool_token(config: ServiceConfig) -> str:
    """The token of the pool, read where the settings say. Raises UserError."""
    advice = "Make one with: python -m signaling pool-token --secret-file FILE"
    if config.pool_token_file:
        text = _read(Path(config.pool_token_file), advice)
    else:
        text = os.environ.get(config.pool_token_env, "")
        if not text:
            raise UserError(f"The environment variable {config.pool_token_env} holds no token. {advice}")
    token = text.strip()
    if not token.isascii() or not 0 < len(token) <= SIGNALING_TOKEN_MAX_BYTES:
        raise UserError(f"The token of the pool is damaged. {advice}")
    return token


def _read(path: Path, advice: str) -> str:
    try:
        with path.open(encoding="ascii") as file:
            return file.read(SIGNALING_TOKEN_MAX_BYTES + 2)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The token file {path} cannot be read ({type(error).__name__}). {advice}") from error
