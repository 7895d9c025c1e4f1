import pytest
import torch

from models.networks.layers import Conv, ModulatedBlock, activation, conv, identity_grid, levels, resize, warp


@pytest.mark.parametrize(("stride", "side"), [(1, 16), (2, 8)])
def test_a_convolution_keeps_or_halves_the_size(stride: int, side: int) -> None:
    assert conv(3, 5, stride=stride)(torch.rand(2, 3, 16, 16)).shape == (2, 5, side, side)
    assert Conv(3, 5, stride=stride)(torch.rand(2, 3, 16, 16)).shape == (2, 5, side, side)


def test_the_modulation_starts_without_effect() -> None:
    block, x = ModulatedBlock(4, 6), torch.rand(2, 4, 8, 8)
    of_one, of_none = block.modulate(torch.randn(2, 6)), block.modulate(torch.zeros(2, 6))
    assert of_one.shape == (2, 8)
    assert torch.equal(block(x, of_one), block(x, of_none))


def test_a_trained_modulation_tells_identities_apart() -> None:
    block, x = ModulatedBlock(4, 6), torch.rand(1, 4, 8, 8)
    torch.nn.init.normal_(block.modulation.weight)
    one, other = block.modulate(torch.ones(1, 6)), block.modulate(-torch.ones(1, 6))
    assert not torch.allclose(block(x, one), block(x, other))


@pytest.mark.parametrize("side", [4, 8, 16])
def test_resizing_keeps_the_mean_of_a_flat_picture(side: int) -> None:
    assert torch.allclose(resize(torch.full((1, 2, 8, 8), 0.3), side), torch.full((1, 2, side, side), 0.3))


def test_resizing_down_averages_areas() -> None:
    x = torch.rand(1, 1, 8, 8)
    assert torch.allclose(resize(x, 4)[0, 0, 0, 0], x[0, 0, :2, :2].mean())


def test_the_identity_grid_has_pixel_centres_with_the_edges_at_one() -> None:
    grid = identity_grid(4, torch.zeros(1))
    assert torch.allclose(grid[0, :, 0], torch.tensor([-0.75, -0.25, 0.25, 0.75]))
    assert torch.allclose(grid[:, 0, 1], grid[0, :, 0])


def test_a_warp_by_nothing_is_the_picture() -> None:
    x = torch.rand(2, 3, 32, 32)
    assert torch.allclose(warp(x, torch.zeros(2, 2, 8, 8)), x, atol=1e-5)


def test_a_warp_looks_up_where_the_flow_points() -> None:
    x = torch.rand(1, 3, 32, 32)
    one_pixel_right = torch.zeros(1, 2, 8, 8)
    one_pixel_right[:, 0] = 2 / 32
    assert torch.allclose(warp(x, one_pixel_right)[..., :-1], x[..., 1:], atol=1e-4)


def test_a_warp_stays_exact_under_autocast() -> None:
    x, flow = torch.rand(1, 3, 64, 64), torch.full((1, 2, 64, 64), 2 / 64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(warp(x, flow), warp(x.float(), flow))


@pytest.mark.parametrize("side", [8, 64])
def test_a_warp_repeats_the_edge_beyond_the_picture(side: int) -> None:
    x, flow = torch.rand(2, 5, side, side), torch.randn(2, 2, side, side)
    grid = identity_grid(side, flow) + flow.permute(0, 2, 3, 1)
    assert grid.abs().max() > 1.5, "some places are far outside"
    padded = torch.nn.functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    assert torch.allclose(warp(x, flow), padded, atol=1e-5)


def test_levels_are_the_nearest_and_channels_come_last() -> None:
    picture = torch.tensor([0.0, 0.4 / 255, 0.6 / 255, 1.0, 1.2, -0.2]).reshape(1, 3, 1, 2)
    found = levels(picture)
    assert found.shape == (1, 1, 2, 3) and found.dtype == torch.uint8
    assert found.permute(0, 3, 1, 2).flatten().tolist() == [0, 0, 1, 255, 255, 0]


def test_an_activation_leaks_as_much_as_it_is_told() -> None:
    below = torch.tensor([-1.0, 2.0])
    assert torch.allclose(activation(0.2)(below), torch.tensor([-0.2, 2.0]))
    assert isinstance(activation(0.0), torch.nn.ReLU), "which an int8 convolution takes in"
