"""experiments.measures.optional: a user's own graphs at both ends of what they measure, and everything that is no such graph."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from experiments.measures import optional
from experiments.measures.optional import (
    NAMES,
    SHIFT_MAX,
    WINDOW,
    OptionalMeasures,
    Wanted,
    load_optional,
    parse_measure,
)
from shared.errors import UserError

Picture = NDArray[np.uint8]
PAIR = (("original", (1, 3, 256, 256)), ("rebuilt", (1, 3, 256, 256)))
LIPS = (("pictures", (1, 5, 3, 256, 256)), ("voice", (1, 3200)))
RATE_HZ = 16_000


def graph(nodes: list[Any], inputs: Any, outputs: tuple[str, ...], constants: list[Any] | None = None) -> Any:
    """A model of float inputs and outputs."""
    body = helper.make_graph(
        nodes,
        "made_up",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        constants or [],
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def squared_error() -> Any:
    """Stands for LPIPS: 0 for identical pictures."""
    node = helper.make_node
    return graph(
        [
            node("Sub", ["original", "rebuilt"], ["d"]),
            node("Mul", ["d", "d"], ["dd"]),
            node("ReduceMean", ["dd"], ["score"], keepdims=0),
        ],
        PAIR,
        ("score",),
    )


def cosine() -> Any:
    """Stands for CSIM: 1 for identical pictures."""
    node = helper.make_node
    squares = [
        part
        for name in ("original", "rebuilt")
        for part in (node("Mul", [name, name], [f"{name}2"]), node("ReduceSum", [f"{name}2"], [f"{name}s"]))
    ]
    return graph(
        [
            *squares,
            node("Mul", ["originals", "rebuilts"], ["both"]),
            node("Sqrt", ["both"], ["length"]),
            node("Mul", ["original", "rebuilt"], ["product"]),
            node("ReduceSum", ["product"], ["dot"]),
            node("Div", ["dot", "length"], ["score"]),
        ],
        PAIR,
        ("score",),
    )


def brightness_and_loudness() -> Any:
    """Stands for SyncNet: the features are the mean of each picture, and the mean of the voice under each."""
    node = helper.make_node
    return graph(
        [
            node("ReduceMean", ["pictures"], ["picture_features"], axes=[2, 3, 4], keepdims=0),
            node("Reshape", ["voice", "shape"], ["parts"]),
            node("ReduceMean", ["parts"], ["voice_features"], axes=[2], keepdims=0),
        ],
        LIPS,
        ("picture_features", "voice_features"),
        [numpy_helper.from_array(np.array([1, 5, 640], np.int64), "shape")],
    )


def saved(folder: Path, name: str, model: Any) -> Wanted:
    path = folder / f"{name}.onnx"
    data = model.SerializeToString()
    path.write_bytes(data)
    return parse_measure(f"{name}={path}@{hashlib.sha256(data).hexdigest()}")


def pictures(seed: int, count: int = 3, side: int = 256) -> list[Picture]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (side, side, 3)).astype(np.uint8) for _ in range(count)]


def test_identical_and_unrelated_pictures_are_at_the_ends(tmp_path: Path) -> None:
    measures = load_optional([saved(tmp_path, "lpips", squared_error()), saved(tmp_path, "csim", cosine())])
    same, other = measures.pictures(pictures(1), pictures(1)), measures.pictures(pictures(1), pictures(2))
    assert same == {"lpips": pytest.approx(0, abs=1e-6), "csim": pytest.approx(1, abs=1e-5)}
    assert other["lpips"] == pytest.approx(2 / 3, abs=0.02) and abs(other["csim"] or 1) < 0.05


def test_pictures_of_another_size_are_scaled(tmp_path: Path) -> None:
    measures = load_optional([saved(tmp_path, "dists", squared_error())])
    flat = [np.full((side, side, 3), 255, np.uint8) for side in (64, 512)]
    assert measures.pictures(flat, [np.zeros((256, 256, 3), np.uint8)] * 2)["dists"] == pytest.approx(4.0)
    with pytest.raises(ValueError, match="zip"):
        measures.pictures(flat, flat[:1])


def test_a_pair_without_a_number_is_left_out_of_the_mean(tmp_path: Path) -> None:
    measures = load_optional([saved(tmp_path, "csim", cosine())])
    # The grey of 127.5 does not exist in 8 bits, so no picture has the length 0: a graph that divides by it is made here.
    model = squared_error()
    model.graph.node.append(helper.make_node("Div", ["score", "score"], ["ratio"]))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("ratio", TensorProto.FLOAT, None))
    with pytest.raises(UserError, match="gives nan for two identical pictures"):
        load_optional([saved(tmp_path, "lpips", model)])
    assert measures.pictures([], []) == {"csim": None}


def speaking(count: int, delay: int = 0, seed: int = 5) -> tuple[list[Picture], NDArray[np.int16]]:
    """Pictures whose brightness is the level of the voice under them, which comes `delay` pictures later."""
    levels = np.random.default_rng(seed).integers(0, 256, count)
    shown = [np.full((8, 8, 3), level, np.uint8) for level in levels]
    heard = np.repeat(np.roll(levels, delay) / 127.5 - 1, RATE_HZ // 25)
    return shown, np.round(heard * 32767).astype(np.int16)


@pytest.fixture(scope="module")
def lips(tmp_path_factory: pytest.TempPathFactory) -> OptionalMeasures:
    return load_optional([saved(tmp_path_factory.mktemp("lse"), "lse", brightness_and_loudness())])


@pytest.mark.parametrize("delay", [0, 4])
def test_a_voice_that_belongs_to_the_lips_is_near_at_its_own_shift(
    lips: OptionalMeasures, delay: int
) -> None:
    shown, voice = speaking(60, delay)
    found = lips.lips(shown, 25.0, voice, RATE_HZ)
    # Delayed, the ends that were rolled around do not fit.
    assert found["lse_d"] == pytest.approx(0, abs=1e-3 if delay == 0 else 0.3)
    assert (found["lse_c"] or 0) > 0.8


def test_another_voice_is_far_and_nothing_stands_out(lips: OptionalMeasures) -> None:
    shown, _ = speaking(60)
    _, other = speaking(60, seed=6)
    found = lips.lips(shown, 25.0, other, RATE_HZ)
    assert (found["lse_d"] or 0) > 1.0 and (found["lse_c"] or 9) < 0.5


def test_half_the_frame_rate_is_brought_to_25_a_second(lips: OptionalMeasures) -> None:
    shown, voice = speaking(30)
    slow = np.repeat(voice.reshape(30, -1), 2, axis=0).reshape(-1)
    assert lips.lips(shown, 12.5, slow, RATE_HZ)["lse_d"] == pytest.approx(0, abs=1e-3)


def test_lips_need_a_window_for_every_shift(lips: OptionalMeasures) -> None:
    enough = SHIFT_MAX + WINDOW
    assert lips.lips(*_call(speaking(enough)))["lse_d"] is not None
    assert lips.lips(*_call(speaking(enough - 1))) == {"lse_d": None, "lse_c": None}
    assert lips.lips(speaking(30)[0], 25.0, np.zeros(0, np.int16), RATE_HZ) == {"lse_d": None, "lse_c": None}


def _call(
    said: tuple[list[Picture], NDArray[np.int16]],
) -> tuple[list[Picture], float, NDArray[np.int16], int]:
    return said[0], 25.0, said[1], RATE_HZ


def test_what_was_not_given_is_absent_with_the_line_that_gives_it(tmp_path: Path) -> None:
    nothing = load_optional([])
    assert set(nothing.missing) == {"lpips", "dists", "csim", "lse_d", "lse_c"}
    assert "--measure lse=FILE.onnx@SHA256" in nothing.missing["lse_c"]
    assert nothing.pictures(pictures(1), pictures(1)) == {}
    assert nothing.lips([], 25.0, np.zeros(0, np.int16), RATE_HZ) == {}
    wanted = saved(tmp_path, "lpips", squared_error())
    assert "lpips" not in load_optional([wanted]).missing
    assert load_optional([wanted]).sha256 == {"lpips": wanted.sha256}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lpips",
        "lpips=a.onnx",
        "lpips=a.onnx@12",
        f"aroma=a@{'0' * 64}",
        f"lpips=@{'0' * 64}",
        f"lpips=a@{'0' * 65}",
    ],
)
def test_an_argument_that_is_none_is_said_in_full(text: str) -> None:
    with pytest.raises(UserError, match=r"NAME=FILE\.onnx@SHA256"):
        parse_measure(text)


def test_a_path_may_hold_the_signs_that_part_the_argument() -> None:
    assert parse_measure(f"csim=a=b@c.onnx@{'A' * 64}") == Wanted("csim", Path("a=b@c.onnx"), "a" * 64)
    assert set(NAMES) == {"lpips", "dists", "csim", "lse"}


def test_another_file_than_was_promised_is_not_opened(tmp_path: Path) -> None:
    wanted = saved(tmp_path, "lpips", squared_error())
    wanted.path.write_bytes(wanted.path.read_bytes() + b"\0")
    with pytest.raises(UserError, match="not the file that was promised"):
        load_optional([wanted])
    wanted.path.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        load_optional([wanted])


def test_a_measure_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    wanted = saved(tmp_path, "lpips", squared_error())
    with pytest.raises(UserError, match="twice"):
        load_optional([wanted, wanted])


def test_a_file_at_its_limit_is_read_and_a_longer_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = saved(tmp_path, "lpips", squared_error())
    monkeypatch.setattr(optional, "GRAPH_MAX_BYTES", wanted.path.stat().st_size)
    assert load_optional([wanted]).missing.keys() == {"dists", "csim", "lse_d", "lse_c"}
    monkeypatch.setattr(optional, "GRAPH_MAX_BYTES", wanted.path.stat().st_size - 1)
    with pytest.raises(UserError, match="more than"):
        load_optional([wanted])


def test_a_graph_that_is_another_measure_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gives 0 for two identical pictures, csim gives 1"):
        load_optional([saved(tmp_path, "csim", squared_error())])
    with pytest.raises(UserError, match="its inputs are"):
        load_optional([saved(tmp_path, "lse", squared_error())])
    with pytest.raises(UserError, match="its inputs are"):
        load_optional([saved(tmp_path, "lpips", brightness_and_loudness())])


def test_a_graph_of_other_outputs_is_refused(tmp_path: Path) -> None:
    same = graph([helper.make_node("Sub", ["original", "rebuilt"], ["d"])], PAIR, ("d",))
    with pytest.raises(UserError, match="one number was expected"):
        load_optional([saved(tmp_path, "lpips", same)])
    model = brightness_and_loudness()
    del model.graph.output[1]
    with pytest.raises(UserError, match="not picture_features and voice_features"):
        load_optional([saved(tmp_path, "lse", model)])


def test_weights_in_a_second_file_are_refused_because_the_checksum_does_not_cover_them(
    tmp_path: Path,
) -> None:
    model = squared_error()
    weight = numpy_helper.from_array(np.ones(4, np.float32), "w")
    onnx.external_data_helper.set_external_data(weight, "elsewhere.bin")
    weight.ClearField("raw_data")
    model.graph.initializer.append(weight)
    with pytest.raises(UserError, match="does not cover"):
        load_optional([saved(tmp_path, "lpips", model)])


@pytest.mark.parametrize("data", [b"", b"no graph at all", bytes(range(256))])
def test_a_file_that_is_no_graph_is_the_users_to_mend(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(data)
    with pytest.raises(UserError, match="cannot be used as dists"):
        load_optional([Wanted("dists", path, hashlib.sha256(data).hexdigest())])
