"""The receiver's network as a whole: `encode_reference` once per keyframe, `render` per frame.

image, mask -> ReferenceEncoder -> ReferenceFeatures --+
Driving -----------------------------------------------+-> DenseMotion -> Motion -> Generator -> picture
"""

from torch import Tensor, nn

from models.networks.dense_motion import DenseMotion, Driving, Motion
from models.networks.generator import Generator
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

    def motion(self, reference: ReferenceFeatures, driving: Driving) -> Motion:
        """Return flow and occlusions alone, for losses and for looking."""
        return self.dense_motion(reference.picture, reference.motion, driving)
