"""The name of everything in this folder that turns numbers into bits and back: both ends of a call must have the same."""

from shared.coding.mesh_basis import basis_digest
from shared.coding.tables import load_tables


def coding_identity() -> str:
    """Hash of the coder's tables and of the mesh bases, as Hello carries it: 8 + 8 hex digits."""
    return f"{load_tables().identity}-{basis_digest()[:8]}"
