"""Identity consistency: the rebuilt picture, seen as a reference, has the identity code of the reference it came from.

The encoder that judges is held fixed and so is the reference's own code: the loss can only be lowered by the picture, not by an
encoder that learns to give everybody the same code.
"""

from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F

from models.networks.reference import ReferenceEncoder


def identity_consistency(
    encoder: ReferenceEncoder, rebuilt: Tensor, mask: Tensor, identity: Tensor
) -> Tensor:
    """Return the mean of 1 - cosine between identity codes, 0..2.

    rebuilt (B, 3, 256, 256) in 0..1, mask (B, 1, 32, 32) of the rebuilt picture, identity (B, 64) of its reference.
    """
    fixed = {name: value.detach() for name, value in encoder.state_dict(keep_vars=True).items()}
    code = functional_call(encoder, fixed, (rebuilt, mask)).identity
    return (1 - F.cosine_similarity(code.float(), identity.detach().float(), dim=1)).mean()
