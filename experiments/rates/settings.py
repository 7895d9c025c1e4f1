"""What a rate experiment is asked for, checked before anything heavy is opened.

    command line --RunSettings--> every job gets the same frozen copy

Must import the standard library, `shared` and the descriptions of links and arms only (no codec, no network). Invariant: settings
that exist are valid; what results depend on is in `digest`, what they do not depend on (workers, folders) is not.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from experiments.network.links import Link
from experiments.rates.licence import Licence
from shared.errors import UserError

OURS: Final = "facewire"
SIZES: Final = ("lite", "nano")
SECONDS_MIN, SECONDS_MAX = 1.0, 120.0
"""A shorter clip is an intra picture and little else; a longer one does not fit in memory beside its rebuilt forms."""
KBPS_MIN, KBPS_MAX = 1.0, 1000.0
WORKERS_MAX: Final = 256
DEFAULT_ARMS: Final = ("facewire", "av1", "vp9", "h264", "h265", "vvc")
DEFAULT_KBPS: Final = (6.0, 10.0, 15.0, 20.0, 30.0, 50.0)
FORMAT: Final = 1
"""Of a cell: one more whenever anything is measured or counted in another way."""
OUR_FORMAT: Final = 3
"""The same for our arm's cells alone, so that a change of our call leaves the rivals' cells as they are."""
LINK_FORMAT: Final = 2
"""The same for cells of runs with a link, of all arms: 2 since pictures of the first second are left out there."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """clips: folder of video files. out: folder of the results. kbps: wire rates asked for. seconds: of each clip at most.

    link: what our arm's packets go through; None: nothing is lost, 20 ms each way. workers: processes, None: one for each core.
    ray: address of a cluster, "local" or "auto"; None: processes. real_time: our arm makes true calls. size: of our network.
    every: each every-th picture is measured. seed: of the link's chances. measures: optional ones, NAME=FILE.onnx@SHA256.
    limit: the first clips only. fresh: measured cells of an earlier run are forgotten. licence: strips and films of the
    clips that it names are kept; None: of none.
    """

    clips: Path
    out: Path
    arms: tuple[str, ...] = DEFAULT_ARMS
    kbps: tuple[float, ...] = DEFAULT_KBPS
    seconds: float = 5.0
    link: Link | None = None
    workers: int | None = None
    ray: str | None = None
    real_time: bool = False
    size: str = "lite"
    every: int = 10
    seed: int = 0
    measures: tuple[str, ...] = ()
    limit: int | None = None
    fresh: bool = False
    licence: Licence | None = None

    def __post_init__(self) -> None:
        """Raises UserError for what cannot be."""
        if not self.arms:
            raise UserError("--arms names no arm. Leave it out for the usual ones.")
        if not self.kbps or any(not KBPS_MIN <= rate <= KBPS_MAX for rate in self.kbps):
            raise UserError(f"--kbps is a list of rates from {KBPS_MIN:g} to {KBPS_MAX:g}, such as 6,10,20.")
        if not SECONDS_MIN <= self.seconds <= SECONDS_MAX:  # also false for NaN
            raise UserError(
                f"--seconds {self.seconds:g} is not possible: give {SECONDS_MIN:g} to {SECONDS_MAX:g}."
            )
        if self.every < 1 or (self.limit is not None and self.limit < 1):
            raise UserError("--every and --limit count from 1.")
        if self.workers is not None and not 1 <= self.workers <= WORKERS_MAX:
            raise UserError(f"--workers {self.workers} is not possible: give 1 to {WORKERS_MAX}.")
        if self.size not in SIZES:
            raise UserError(f"There is no size {self.size!r}. Choose from: {', '.join(SIZES)}.")
        if self.real_time and OURS not in self.arms:
            raise UserError(f"--real-time is about calls of {OURS}, which --arms does not name.")

    def digest(self, arm: str, model_sha256: str, measures: Sequence[str]) -> str:
        """Hex SHA-256 of everything that a cell of this arm depends on beside clip, arm and rate.

        model_sha256: of our network. measures: names of those that can be taken here. Link, network, and the kind of call are
        ours only, so a new network or another link leaves the rivals' cells as they are; whether there is a link is everybody's.
        """
        said: dict[str, Any] = {
            "format": FORMAT, "seconds": self.seconds, "every": self.every, "measures": sorted(measures),
        }  # fmt: skip
        if self.link is not None:
            said |= {"link_format": LINK_FORMAT}
        if self.licence is not None:
            said |= {"kept": True}
        if arm == OURS:
            said |= {"our_format": OUR_FORMAT}
            link = None if self.link is None else repr((self.link.forward, self.link.reverse, self.link.seed))
            said |= {"size": self.size, "model": model_sha256, "link": link, "real_time": self.real_time}
            said |= {"seed": self.seed if self.link is not None else None}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """The part of results.json: without anybody's folders."""
        return {
            "clips": self.clips.name,
            "arms": list(self.arms),
            "kbps": list(self.kbps),
            "seconds": self.seconds,
            "every": self.every,
            "link": None if self.link is None else self.link.name,
            "link_about": None if self.link is None else self.link.about,
            "counting": "wire",
            "real_time": self.real_time,
            "size": self.size,
            "seed": self.seed,
            "licence": None if self.licence is None else self.licence.text,
        }


def numbers(text: str, option: str) -> tuple[float, ...]:
    """Finite numbers of a list such as 6,10,20, each once. UserError for anything else."""
    try:
        found = tuple(dict.fromkeys(float(word) for word in text.split(",") if word.strip()))
    except ValueError as error:
        raise UserError(f"{option} is a list of numbers such as 6,10,20, not {text!r}.") from error
    if not all(map(math.isfinite, found)):
        raise UserError(f"{option} is a list of finite numbers such as 6,10,20, not {text!r}.")
    return found


def words(text: str) -> tuple[str, ...]:
    """Words of a list such as av1,vp9, each once."""
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
