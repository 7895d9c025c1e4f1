"""The receiver's network as a whole: `encode_reference` once per keyframe, `render` per frame.

image, mask -> ReferenceEncoder -> ReferenceFeatures --+
Driving -----------------------------------------------+-> DenseMotion -> Motion -> Generator -> picture
"""

from collections.abc import Sequence

from torch import Tensor, nn

from models.networks.dense_motion import DenseMotion, Driving, Motion
from models.networks.gallery import fuse_drivings, fuse_identities, fuse_warped, place_weights, pose_scores
from models.networks.generator import Generator, warp_reference
from models.networks.reference import ReferenceEncoder, ReferenceFeatures
from models.networks.sizes import Size


class Renderer(nn.Module):
    """One size of receiver network. Holds no state of any call: features and motion are handed in."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.reference = ReferenceEncoder(size)
        self.dense_motion = DenseMotion(size)
        self.generator = Generator(size)

    def encode_reference(self, image: Tensor, mask: Tensor) -> ReferenceFeatures:
        """image (B, 3, 256, 256) in 0..1, mask (B, 1, 32, 32) -> features, once per keyframe."""
        return self.reference(image, mask)

    def render(self, reference: ReferenceFeatures, driving: Driving) -> Tensor:
        """Return the picture (B, 3, 256, 256) in 0..1."""
        return self.generator(reference, self.motion(reference, driving), driving)

    def render_gallery(self, references: Sequence[ReferenceFeatures], drivings: Sequence[Driving]) -> Tensor:
        """Return the picture (B, 3, 256, 256) from one to four references of one person, the better one at every place.

        drivings: the same frame, relative to each reference. With one reference the same as `render`, bit for bit.
        Raises ValueError unless there are one to four, as many of each.
        """
        motions = [self.motion(*pair) for pair in zip(references, drivings, strict=True)]
        poses = pose_scores(drivings)
        warped = [warp_reference(*pair) for pair in zip(references, motions, strict=True)]
        modulation = self.generator.modulate(fuse_identities(references, poses))
        return self.generator.synthesise(
            fuse_warped(warped, place_weights(motions, poses)), modulation, fuse_drivings(drivings, poses)
        )

    def motion(self, reference: ReferenceFeatures, driving: Driving) -> Motion:
        """Return flow and occlusions alone, for losses and for looking."""
        return self.dense_motion(reference.picture, reference.motion, driving)
