"""Command line: `python -m signaling serve|token|link|secret`.

Invariant: a `UserError` ends the command with one line on stderr and exit status 2, never with a traceback.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from shared import limits
from shared.errors import UserError
from shared.signaling_messages import Role
from signaling import keys
from signaling.config import ServeConfig, checked_config
from signaling.pool_tokens import sign_pool_token, sign_watch_token
from signaling.tokens import sign_token

if TYPE_CHECKING:
    from signaling.service import SignalingService


_EXAMPLES = """\
examples:
  python -m signaling secret > join.secret
  python -m signaling serve --secret-file join.secret
  python -m signaling serve --secret-file join.secret --redis redis://10.0.0.5:6379/0 --metrics-port 9101
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the process's exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except UserError as error:
        print(f"signaling: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m signaling", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="serve|token|link|pool-token|watch-token|secret")

    serve = commands.add_parser(
        "serve",
        help="run the signaling service",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    serve.set_defaults(command=_serve)
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.add_argument("--port", type=int, default=8080, help="TCP port (default: %(default)s)")
    serve.add_argument(
        "--ice-server", action="append", default=[], metavar="URL", help="stun:... or turn:..."
    )
    serve.add_argument("--turn-secret-file", type=Path, help="file with coturn's static-auth-secret")
    serve.add_argument(
        "--allow-origin", action="append", default=[], help="origin of a page that may connect"
    )
    serve.add_argument(
        "--proxy", action="append", default=[], help="address whose X-Forwarded-For is believed"
    )
    serve.add_argument("--open-rooms", action="store_true", help="let anybody who loads the page open a room")
    serve.add_argument(
        "--redis",
        default="",
        metavar="URL",
        help="redis://HOST:PORT/0: keep rooms there, shared by many processes",
    )
    serve.add_argument("--redis-password-file", type=Path, help="file with its password")
    serve.add_argument(
        "--metrics-host", default="127.0.0.1", help="address of --metrics-port (default: %(default)s)"
    )
    serve.add_argument(
        "--metrics-port", type=int, default=0, help="TCP port of /metrics for Prometheus (default: none)"
    )
    serve.add_argument(
        "--drain-seconds",
        type=float,
        default=0.0,
        metavar="S",
        help="after SIGTERM wait this long for those in rooms; a second SIGTERM ends at once (default: %(default)g)",
    )
    serve.add_argument(
        "--tls-certificate",
        type=Path,
        metavar="FILE",
        help="PEM chain: serve HTTPS and WSS; SIGHUP reads it again (default: plain HTTP, for loopback or behind a proxy)",
    )
    serve.add_argument("--tls-key", type=Path, metavar="FILE", help="its key, PEM without a password")
    serve.add_argument("--print-config", action="store_true", help="print the settings and end")
    _add_secret(serve)

    token = commands.add_parser("token", help="print a token that admits one person once")
    token.set_defaults(command=_token)
    _add_invitation(token)
    token.add_argument(
        "--pool-receiver", action="store_true", help="of a sender: give it a receiver of the pool"
    )

    pool = commands.add_parser(
        "pool-token", help="print a token with which `receiver serve` registers, again and again"
    )
    pool.set_defaults(command=_pool_token)
    pool.add_argument(
        "--seconds",
        type=int,
        default=limits.POOL_TOKEN_MAX_S,
        help="life of the token (default: %(default)s)",
    )
    _add_secret(pool)

    watch = commands.add_parser("watch-token", help="print a token for viewers of a room that the pool shows")
    watch.set_defaults(command=_watch_token)
    watch.add_argument("--room", required=True, help="letters, digits, '-' and '_'")
    watch.add_argument(
        "--seconds", type=int, default=limits.SIGNALING_TOKEN_DEFAULT_S, help="life of the token"
    )
    _add_secret(watch)

    link = commands.add_parser("link", help="print a link to the page that admits one person once")
    link.set_defaults(command=_link)
    link.add_argument("--page", required=True, metavar="URL", help="address of the page, https://HOST/")
    _add_invitation(link)

    secret = commands.add_parser("secret", help="print a new random secret")
    secret.set_defaults(command=_secret)
    return parser


def _add_invitation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--room", required=True, help="letters, digits, '-' and '_'")
    parser.add_argument("--role", required=True, choices=[role.value for role in Role])
    parser.add_argument(
        "--seconds", type=int, default=limits.SIGNALING_TOKEN_DEFAULT_S, help="life of the token"
    )
    _add_secret(parser)


def _add_secret(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--secret-file", type=Path, help="file with the secret that signs tokens")
    group.add_argument("--secret-env", metavar="NAME", help="environment variable with that secret")


def _load_secret(options: argparse.Namespace) -> str:
    if options.secret_file is not None:
        return keys.secret_from_file(options.secret_file)
    return keys.secret_from_environment(options.secret_env)


def _serve(options: argparse.Namespace) -> int:
    source = f"environment {options.secret_env}" if options.secret_env else f"file {options.secret_file}"
    config = checked_config(
        options.host,
        options.port,
        source,
        turn_secret_file=options.turn_secret_file,
        ice_urls=options.ice_server,
        origins=options.allow_origin,
        proxies=options.proxy,
        open_rooms=options.open_rooms,
        redis_url=options.redis,
        redis_password_file=options.redis_password_file,
        metrics_host=options.metrics_host,
        metrics_port=options.metrics_port,
        drain_s=options.drain_seconds,
        tls_certificate=options.tls_certificate,
        tls_key=options.tls_key,
    )
    if options.print_config:
        print(config.as_json())
        return 0
    # Imported here so that `token` and `secret` need no web server.
    from signaling.logs import configure_logging
    from signaling.server import run

    service = _service(config, options)
    configure_logging(sys.stderr)
    try:
        asyncio.run(run(config, service))
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        place = f"{config.host} port {config.port}"
        raise UserError(f"Cannot listen on {place} ({reason}). Give another --port or --host.") from None
    return 0


def _service(config: ServeConfig, options: argparse.Namespace) -> "SignalingService":
    from signaling.service import SignalingService

    secret = _load_secret(options)
    turn_secret = keys.secret_from_file(options.turn_secret_file) if options.turn_secret_file else None
    _require(config.metrics_port != 0, "--metrics-port", "prometheus_client")
    _require(bool(config.redis_url), "--redis", "redis")
    if not config.redis_url:
        return SignalingService(config, secret, turn_secret)
    from signaling.lobby import Clocks
    from signaling.redis_lobby import RedisLobby  # its library is an extra
    from signaling.redis_pool import RedisLine

    file, clocks = options.redis_password_file, Clocks()
    password = keys.secret_from_file(file) if file else None
    lobby = RedisLobby(config.redis_url, secret, clocks, password)
    return SignalingService(config, secret, turn_secret, clocks, lobby, RedisLine(config.redis_url, password))


def _require(wanted: bool, flag: str, module: str) -> None:
    if wanted and find_spec(module) is None:
        raise UserError(
            f"{flag} needs the Python package {module}. Install it: pip install 'facewire[operations]'."
        )


def _token(options: argparse.Namespace) -> int:
    print(_signed(options))
    return 0


def _link(options: argparse.Namespace) -> int:
    # What admits stands behind the '#': browsers send that to nobody, so it is in no log.
    fields = urlencode({"room": options.room, "role": options.role, "token": _signed(options)})
    print(f"{options.page.partition('#')[0]}#{fields}")
    return 0


def _signed(options: argparse.Namespace) -> str:
    secret = _load_secret(options)
    pool = getattr(options, "pool_receiver", False)  # a link is for a page, which needs none
    return sign_token(secret, options.room, Role(options.role), options.seconds, time.time(), pool=pool)


def _pool_token(options: argparse.Namespace) -> int:
    print(sign_pool_token(_load_secret(options), options.seconds, time.time()))
    return 0


def _watch_token(options: argparse.Namespace) -> int:
    print(sign_watch_token(_load_secret(options), options.room, options.seconds, time.time()))
    return 0


def _secret(_: argparse.Namespace) -> int:
    print(keys.new_secret())
    return 0


if __name__ == "__main__":
    sys.exit(main())
