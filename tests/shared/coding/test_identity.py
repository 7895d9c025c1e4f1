from shared.coding.identity import coding_identity
from shared.coding.mesh_basis import basis_digest
from shared.coding.tables import load_tables


def test_the_identity_changes_with_the_tables_and_with_the_bases() -> None:
    tables, bases = coding_identity().split("-")
    assert tables == load_tables().identity
    assert len(bases) == 8 and basis_digest().startswith(bases)
