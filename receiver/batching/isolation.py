"""Renders a batch so that a call whose picture cannot be made takes no other call with it.

    batch --ok--> pictures
          --fails--> each alone: those that fail again are their call's fault; it renders alone for a while

Must not import engines or asyncio. Invariant: every request gets its picture or the exception that it caused itself; a call
that has failed cannot spoil a batch again before it has made SUSPECT_PICTURES pictures alone.
"""

from collections.abc import Sequence

from models.runtime.base import Backend, Picture, RenderRequest
from shared.limits import SUSPECT_PICTURES

Outcome = Picture | Exception
Requests = Sequence[tuple[int, RenderRequest]]


class Isolation:
    """The network, and who is known to break it. From one thread."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._to_prove: dict[int, int] = {}

    def forget(self, call_id: int) -> None:
        """A call has ended."""
        self._to_prove.pop(call_id, None)

    def render(self, requests: Requests) -> dict[int, Outcome]:
        """Outcomes by call. requests: at most one of a call."""
        together = [one for one in requests if one[0] not in self._to_prove]
        alone = [one for one in requests if one[0] in self._to_prove]
        outcomes = self._together(together) if together else {}
        return outcomes | {call_id: self._alone(call_id, request) for call_id, request in alone}

    def _together(self, requests: Requests) -> dict[int, Outcome]:
        try:
            pictures = self._backend.render_batch([request for _, request in requests])
            return {call_id: picture for (call_id, _), picture in zip(requests, pictures, strict=True)}
        except Exception as error:  # an engine may raise anything
            if len(requests) == 1:
                return {requests[0][0]: self._blamed(requests[0][0], error)}
        return {call_id: self._alone(call_id, request) for call_id, request in requests}

    def _alone(self, call_id: int, request: RenderRequest) -> Outcome:
        try:
            picture = self._backend.render_batch([request])[0]
        except Exception as error:
            return self._blamed(call_id, error)
        left = self._to_prove.get(call_id, 0) - 1
        if left > 0:
            self._to_prove[call_id] = left
        else:
            self._to_prove.pop(call_id, None)
        return picture

    def _blamed(self, call_id: int, error: Exception) -> Exception:
        self._to_prove[call_id] = SUSPECT_PICTURES
        return error
