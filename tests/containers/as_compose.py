"""Runs a program in an image's root the way docker-compose.yml would, without an engine: Linux namespaces and root are enough.

    root of an image --> read-only mount, tmpfs on /tmp and /run, one writable folder, own user, no capabilities --> exit status

Must not import the project. Invariant: nothing is written into the image; what a service may not do there (write to its root,
gain privileges, reach a network when it has none) it may not do here either. Not held: memory and process limits, seccomp.
"""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TMPFS: Final = "mode=1777,size=64m,noexec,nosuid,nodev"
"""As Docker mounts the /tmp that docker-compose.yml asks for."""
_SCRIPT: Final = """
root=$1 out=$2 secrets=$3 user=$4 network=$5 tmpfs=$6; shift 6
mount --make-rprivate /
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o "$tmpfs" tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir "$root/run/secrets"
if [ -n "$secrets" ]; then mount --bind "$secrets" "$root/run/secrets"; fi
if [ -n "$out" ]; then mount --bind "$out" "$root/out"; fi
if [ -f "$root/etc/hosts" ]; then mount --bind /etc/hosts "$root/etc/hosts"; fi
if [ "$network" = none ]; then ip link set lo up; fi
exec chroot "$root" setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --bounding-set=-all \
    --inh-caps=-all env --ignore-environment "$@"
"""


@dataclass(frozen=True, slots=True)
class Service:
    """What of a service matters to its process. root: the image's files. out: what becomes its /out. secrets: of /run/secrets."""

    root: Path
    command: Sequence[str]
    environment: Mapping[str, str]
    user: int
    folder: str = "/"
    out: Path | None = None
    secrets: Path | None = None
    has_network: bool = True


def start(service: Service, output: Path) -> subprocess.Popen[bytes]:
    """Starts the service; what it prints goes into output. Its process is the service's own: signals reach it."""
    namespaces = ["unshare", "--mount", *([] if service.has_network else ["--net"])]
    network = "host" if service.has_network else "none"
    given = (service.root, service.out or "", service.secrets or "", service.user, network, TMPFS)
    inside = [f"{name}={value}" for name, value in service.environment.items()]
    program = ["--chdir", service.folder, *inside, *service.command]
    with output.open("wb") as file:
        return subprocess.Popen(
            [*namespaces, "sh", "-ec", _SCRIPT, "sh", *map(str, given), *program],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
