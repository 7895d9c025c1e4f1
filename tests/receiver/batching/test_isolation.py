"""receiver.batching.isolation: who fails, fails alone."""

from collections.abc import Sequence

import numpy as np
import pytest

from models.runtime.base import Array, Picture, ReferenceState, RenderRequest
from models.runtime.mesh_warp import MeshWarpBackend, WarpState
from receiver.batching.isolation import Isolation
from shared.coding.motion_layout import MotionValues
from shared.limits import SUSPECT_PICTURES
from tests.models.runtime.faces import motion, reference


class Brittle(MeshWarpBackend):
    """Makes nothing of a batch with a shift past 1 in it; notes the sizes of its batches."""

    batch_max = 8

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.broken = False

    def render(
        self,
        state: ReferenceState,
        motion: MotionValues,
        voice: Array | None = None,
        thumbnail: Picture | None = None,
    ) -> Picture:
        assert isinstance(state, WarpState)
        return state.reference.picture

    def render_batch(self, requests: Sequence[RenderRequest]) -> list[Picture]:
        self.sizes.append(len(requests))
        if self.broken or any(one.motion.affine[2] > 1 for one in requests):
            raise RuntimeError("engine broken")
        return super().render_batch(requests)


@pytest.fixture
def backend() -> Brittle:
    return Brittle()


def request(backend: Brittle, shift: float = 0.0, seed: int = 0) -> RenderRequest:
    return RenderRequest(backend.encode_reference(reference(seed)), motion(shift))


def test_a_batch_that_works_is_made_at_once_and_everybody_gets_the_own_picture(backend: Brittle) -> None:
    outcomes = Isolation(backend).render([(seed, request(backend, seed=seed)) for seed in range(3)])
    assert backend.sizes == [3]
    for seed in range(3):
        picture = outcomes[seed]
        assert isinstance(picture, np.ndarray) and np.array_equal(picture, reference(seed).picture)


def test_the_call_that_fails_gets_its_error_and_the_others_their_pictures(backend: Brittle) -> None:
    outcomes = Isolation(backend).render(
        [(1, request(backend)), (2, request(backend, 2.0)), (3, request(backend))]
    )
    assert isinstance(outcomes[2], RuntimeError)
    assert isinstance(outcomes[1], np.ndarray) and isinstance(outcomes[3], np.ndarray)
    assert backend.sizes == [3, 1, 1, 1]


def test_who_has_failed_spoils_no_batch_again_until_it_has_made_enough_pictures_alone(
    backend: Brittle,
) -> None:
    isolation = Isolation(backend)
    good = [(1, request(backend)), (3, request(backend))]
    isolation.render([*good, (2, request(backend, 2.0))])
    backend.sizes.clear()
    isolation.render([*good, (2, request(backend, 2.0))])
    assert backend.sizes == [2, 1], "it fails again, and costs nobody anything"
    backend.sizes.clear()
    for _ in range(SUSPECT_PICTURES + 1):
        isolation.render([*good, (2, request(backend))])
    assert backend.sizes == [2, 1] * SUSPECT_PICTURES + [3]


def test_a_failure_that_is_nobodys_fault_brings_nobody_under_suspicion(backend: Brittle) -> None:
    isolation, both = Isolation(backend), [(1, request(backend)), (2, request(backend))]

    class OutOfMemory(Brittle):
        def render_batch(self, requests: Sequence[RenderRequest]) -> list[Picture]:
            if len(requests) > 1:
                raise MemoryError
            return super().render_batch(requests)

    isolation._backend = OutOfMemory()
    assert all(isinstance(one, np.ndarray) for one in isolation.render(both).values())
    isolation._backend = backend
    isolation.render(both)
    assert backend.sizes == [2]


def test_an_engine_that_is_broken_tells_everybody_and_a_call_that_left_is_forgotten(backend: Brittle) -> None:
    isolation, both = Isolation(backend), [(1, request(backend)), (2, request(backend))]
    backend.broken = True
    assert all(isinstance(one, RuntimeError) for one in isolation.render(both).values())
    backend.broken = False
    isolation.forget(1)
    isolation.forget(2)
    backend.sizes.clear()
    isolation.render(both)
    assert backend.sizes == [2]


def test_nothing_to_render_asks_nothing_of_the_engine(backend: Brittle) -> None:
    assert Isolation(backend).render([]) == {} and backend.sizes == []
