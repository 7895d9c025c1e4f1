"""models.allocator: the second tensor of a size costs no new pages."""

import subprocess
import sys

import pytest

_FAULTS = """
import resource, torch
from models.allocator import keep_freed_memory
kept = {keep} and keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(8 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(int(kept), faults())
"""


def _faults(keep: bool) -> tuple[bool, int]:
    ended = subprocess.run(
        [sys.executable, "-c", _FAULTS.format(keep=keep)], capture_output=True, text=True, check=True
    )
    kept, faults = ended.stdout.split()
    return kept == "1", int(faults)


def test_memory_that_was_freed_is_there_for_the_next_tensor_without_a_fault() -> None:
    kept, faults = _faults(True)
    if not kept:
        pytest.skip("the C library here is not glibc")
    assert faults < 100 < _faults(False)[1]
