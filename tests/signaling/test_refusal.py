"""signaling.refusal: every code has its sentence, and the sentence fits its message."""

import pytest

from shared.signaling_messages import Error, ErrorCode, parse, serialise
from signaling.refusal import Refused


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_code_has_a_sentence_that_can_be_sent(code: ErrorCode) -> None:
    message = Refused(code).as_message()
    assert parse(serialise(message)) == message == Error(code, str(Refused(code)))
    assert message.message.endswith(".")
