import pytest

from models.networks.report import LIMITS_GMAC, analyser_row, main, renderer_rows, voice_row
from models.networks.sizes import LITE, NANO, SIZES, TINY


@pytest.mark.parametrize("size", [NANO, LITE], ids=lambda size: size.name)
def test_a_frame_costs_no_more_than_it_may(size) -> None:
    frame = renderer_rows(size)[1:]
    assert sum(row[3] for row in frame) <= LIMITS_GMAC[size.name] * 1e9


def test_a_larger_size_costs_more() -> None:
    costs = [sum(row[3] for row in renderer_rows(size)) for size in (TINY, NANO, LITE)]
    assert costs == sorted(costs)
    assert set(LIMITS_GMAC) == set(SIZES) - {"tiny"}


def test_what_every_size_shares_has_its_row() -> None:
    for name, _, parameters, macs in (analyser_row(), voice_row()):
        assert name in ("analyser", "voice")
        assert parameters > 1000 and macs > 100_000


def test_the_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 2 + 3 * 4
    assert len({line.count("|") for line in lines}) == 1
