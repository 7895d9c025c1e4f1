"""shared.provenance: what stands beside a number."""

import sys

import pytest

from shared.provenance import StolenTime, commit, machine


def test_the_machine_is_described_without_its_name() -> None:
    import platform

    assert "cores" in machine() and "Python" in machine()
    assert not platform.node() or platform.node() not in machine()


def test_a_commit_is_a_short_hash_or_unknown() -> None:
    found = commit().removesuffix("+")
    assert found == "unknown" or (4 <= len(found) <= 40 and int(found, 16) >= 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what its host takes")
def test_stolen_time_is_a_share_of_what_passed() -> None:
    stolen = StolenTime()
    while (share := stolen.share()) is None:  # ticks come every 10 ms
        pass
    assert 0 <= share <= 1
