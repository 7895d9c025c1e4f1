/**
 * The two families of errors, as in shared/errors.py: what a peer did wrong, and what this end did wrong.
 *
 * Must not import anything. Invariant: bytes from the network raise `RemoteError`s and nothing else; wrong arguments
 * and files raise `UserError`. A value that does not fit its field of a message raises JavaScript's own `RangeError`.
 */

/** Base of every error that the codec raises on purpose. */
export class FacewireError extends Error {
  /** @param {string} message What happened, for people. */
  constructor(message) {
    super(message);
    this.name = new.target.name;
  }
}

/** This end did something wrong; the message says how to mend it. */
export class UserError extends FacewireError {}

/** The peer sent something that this end does not accept. Never a reason to crash or to hang. */
export class RemoteError extends FacewireError {}

/** Bytes that do not follow PROTOCOL.md: truncated, oversized, contradictory or out of range. */
export class MalformedMessage extends RemoteError {}

/** The peer speaks another major version of the protocol; the call is closed with this reason. */
export class UnsupportedVersion extends RemoteError {}

/** Motion that names a keyframe or a prediction base that this end does not hold. */
export class UnknownReference extends RemoteError {}
