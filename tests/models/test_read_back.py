import onnxruntime
import pytest
import torch

from models.export.graphs import AnalyserGraph, RenderGraph, VoiceGraph
from models.export.onnx_files import largest_difference
from models.export.read_back import read_renderer, shipped_codec
from models.networks.codec import Codec
from models.training.checkpoint import SHIPPED, codec_of
from models.weights import open_verified
from shared.errors import UserError

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def codec() -> Codec:
    return shipped_codec("nano").eval()


@pytest.mark.parametrize("name", ["nano/render", "analyser/analyser", "voice/voice"])
def test_what_was_read_back_computes_what_the_graph_computes(codec: Codec, name: str) -> None:
    torch.manual_seed(1)
    module = {
        "nano/render": RenderGraph(codec.renderer),
        "analyser/analyser": AnalyserGraph(codec.analyser),
        "voice/voice": VoiceGraph(codec.voice),
    }[name]
    given = module.example()
    session = onnxruntime.InferenceSession(str(open_verified(f"{name}.onnx")))
    feeds = {node.name: value.numpy() for node, value in zip(session.get_inputs(), given, strict=True)}
    with torch.no_grad():
        found = module(*given)
    first = found if isinstance(found, torch.Tensor) else found[0]
    assert largest_difference(first.numpy(), session.run(None, feeds)[0]) < 1e-3


def test_both_sizes_share_analyser_and_voice(codec: Codec) -> None:
    other = codec_of(SHIPPED, "lite")
    for part in ("analyser", "voice"):
        pairs = zip(getattr(codec, part).parameters(), getattr(other, part).parameters(), strict=True)
        assert all(torch.equal(one, two) for one, two in pairs)


def test_a_size_that_is_not_shipped_is_said() -> None:
    with pytest.raises(UserError, match="no weights named 'full/"):
        shipped_codec("full")
    with pytest.raises(UserError, match="no size 'huge'"):
        shipped_codec("huge")


def test_graphs_of_another_size_are_refused() -> None:
    encode, render = (open_verified(f"lite/{name}.onnx") for name in ("encode_reference", "render"))
    with pytest.raises(UserError, match="not those of this network"):
        read_renderer("nano", encode, render)
