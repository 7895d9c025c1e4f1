"""Which calls the benchmark makes: clips, rungs, bundles and links, and in which order.

Must not start anything. Invariant: a clip's clean calls come first, since the others are compared with them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av

from experiments.network.links import CLEAN, LINKS, Link
from models.training.clips import find_clips
from shared.errors import UserError
from shared.limits import BUNDLE_MAX_MS, BUNDLE_MIN_MS

AUTO: Final = "auto"
"""The ladder chooses rung and bundle by itself."""
RUNGS: Final = ("voice", "motion", "thumbnail", "video", AUTO)
DEFAULT_RUNGS: Final = ("motion", "voice")
DEFAULT_BUNDLES_MS: Final = (80, 160)

Key = tuple[str, str, int | None, str]
"""Clip, rung, bundle_ms and link: what a row is known by. bundle_ms is None where the ladder chooses."""


@dataclass(frozen=True, slots=True)
class CallPlan:
    """One call to be made."""

    clip: Path
    rung: str
    bundle_ms: int | None
    link: Link

    @property
    def key(self) -> Key:
        """What its row is known by."""
        return self.clip.stem, self.rung, self.bundle_ms, self.link.name


def speaking_clips(folder: Path, limit: int | None = None) -> list[Path]:
    """Clips with a voice, sorted by name: those of `clips.csv` that are held out and have their person's own speech, or,
    where there is no such table, every file with a sound track. UserError when there are none."""
    table = (folder / "clips.csv").is_file()
    clips = [clip for clip in find_clips(folder) if not table or (clip.split == "val" and clip.speech)]
    paths = [clip.path.resolve() for clip in clips if _has_sound(clip.path)]
    if not paths:
        raise UserError(
            f"No clip in {folder} has a voice: the benchmark needs speech. Give another folder of clips."
        )
    return paths[:limit]


def _has_sound(path: Path) -> bool:
    try:
        with av.open(str(path)) as container:
            return bool(container.streams.audio)
    except av.FFmpegError as error:
        raise UserError(
            f"{path} cannot be opened as a video ({error}). Take it out of the folder."
        ) from error


def chosen_links(names: Sequence[str]) -> list[Link]:
    """The links of these names, the clean one first. UserError for a name that is not in the table."""
    unknown = [name for name in names if name not in LINKS]
    if unknown:
        raise UserError(f"There is no link {unknown[0]!r}. Choose from: {', '.join(LINKS)}.")
    return [link for name, link in LINKS.items() if name in names]


def check_choice(rungs: Sequence[str], bundles_ms: Sequence[int]) -> None:
    """UserError for a rung or a bundle that no sender offers."""
    for rung in rungs:
        if rung not in RUNGS:
            raise UserError(f"There is no rung {rung!r}. Choose from: {', '.join(RUNGS)}.")
    for bundle_ms in bundles_ms:
        if not BUNDLE_MIN_MS <= bundle_ms <= BUNDLE_MAX_MS:
            raise UserError(
                f"--bundles {bundle_ms} is not possible: choose {BUNDLE_MIN_MS} to {BUNDLE_MAX_MS}."
            )


def plan_calls(
    clips: Sequence[Path], links: Sequence[Link], rungs: Sequence[str], bundles_ms: Sequence[int]
) -> list[CallPlan]:
    """The clean link with every rung and bundle; the others with the first rung and the first bundle.

    A link with a rung of its own (the ladder's) is called with that one only. The ladder chooses its bundles itself.
    """
    calls = []
    for clip in clips:
        for link in links:
            wanted = rungs if link.name == CLEAN else rungs[:1]
            pairs = [_pairs(link.rung or rung, bundles_ms) for rung in wanted]
            kept = [pair for some in pairs for pair in (some if link.name == CLEAN else some[:1])]
            calls += [CallPlan(clip, rung, bundle_ms, link) for rung, bundle_ms in kept]
    return calls


def _pairs(rung: str, bundles_ms: Sequence[int]) -> list[tuple[str, int | None]]:
    return [(rung, None)] if rung == AUTO else [(rung, bundle_ms) for bundle_ms in bundles_ms]
