"""What is known of the common test conditions for generative face video coding, and which of it a run here keeps.

Must import the standard library only. JVET's own document was not at hand, and of the papers that report by it (Chen et al.,
Standardizing Generative Face Video Compression using Supplemental Enhancement Information, arXiv 2410.15105; Generative Face
Video Coding Techniques and Standardization Efforts: A Review, arXiv 2311.02649) only parts: what stands under KEPT is common to
their tables, and nothing here claims conformance.
"""

from typing import Final

KEPT: Final = (
    "pictures of 256x256 at 25 a second, progressive",
    "one key picture, the first with a face; all others from motion alone",
    "payload only: the key picture's and the motion's bytes, no voice, no packets, no headers of a network",
    "four rate points that differ in the key picture's quality",
    "a line for each sequence and rate point, means over sequences, rate against measure",
)
CHANGED: Final = (
    "sequences: the user's clips, not JVET's (which are cut from data sets that others may not pass on)",
    "key picture: an AV1 still of at most so many bytes, with mesh, anchors and mask, not a VTM intra picture at the papers' QPs",
    "anchor: --arms vvc is VVenC (preset faster, random access) at the same payload rates, not VTM in low delay",
    "measures: DISTS and LPIPS need weights of the user's own and are left out here; vgg is neither of them",
    "motion: in bundles of two frames, predicted from one that is 160 ms old, as calls do it; a file could take the last one",
)
KEY_BYTES: Final = (600, 1200, 2000, 4000)
"""Most bytes of the key picture at the four rate points, instead of its QPs."""
