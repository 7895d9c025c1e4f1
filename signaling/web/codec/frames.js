/**
 * The values that cross every boundary of the codec: motion, voice, keyframes, outgoing messages (shared/frames.py).
 *
 * Must not import anything. Invariant: nobody writes to an object of these types, nor to the arrays inside, once it
 * is made.
 */

/** The two data channels of a call (WebRTC, RFC 8831): unordered without retransmits, and ordered and reliable. */
export const Channel = Object.freeze({ RT: /** @type {const} */ ("rt"), CTL: /** @type {const} */ ("ctl") });

/** Rungs of the rate ladder, low to high. */
export const Rung = Object.freeze({ VOICE: 0, MOTION: 1, THUMBNAIL: 2, VIDEO: 3 });

/** The two coded pictures that may travel beside motion (64 to 128 px, in the bundles), or instead of it. */
export const VideoKind = Object.freeze({ THUMBNAIL: 0, VIDEO: 1 });

/** Picture formats that a keyframe may carry. AV1: one temporal unit, a sequence header OBU and one intra frame. */
export const KeyframeFormat = Object.freeze({ AV1: 1 });

/**
 * One frame's quantised motion code. mediaMs: capture time on the sender's media clock. keyframeId: the keyframe that
 * the motion is relative to (0..255). symbols: 46, see motionLayout.js.
 * @typedef {Readonly<{mediaMs: number, keyframeId: number, symbols: Int16Array}>} MotionFrame
 */

/**
 * One Opus packet. mediaMs: time of its first sample on the media clock. durationMs: 20, 40, 60, 80, 100 or 120.
 * @typedef {Readonly<{mediaMs: number, durationMs: number, data: Uint8Array}>} VoicePacket
 */

/**
 * One reference picture with what the receiver needs to move it. image: the coded picture. shape: 70 symbols of the
 * reference's face mesh. anchors: 24 symbols, keypoints and codes of the reference itself. mask: 32 x 32 numbers row by
 * row, 1 where the person is.
 * @typedef {Readonly<{keyframeId: number, mediaMs: number, format: number, widthPx: number, heightPx: number,
 *   image: Uint8Array, shape: Int16Array, anchors: Int16Array, mask: Uint8Array}>} Keyframe
 */

/**
 * One coded picture: one AV1 temporal unit without its temporal delimiter. kind: a `VideoKind`. unitId: 0..255, wraps,
 * one more for each coded picture of its kind. mediaMs: capture time on the sender's media clock. intra: decodable on
 * its own. sidePx: of the square picture, VIDEO_MIN_SIDE_PX to VIDEO_MAX_SIDE_PX.
 * @typedef {Readonly<{kind: number, unitId: number, mediaMs: number, intra: boolean, sidePx: number,
 *   data: Uint8Array}>} VideoUnit
 */

/**
 * One message that a state machine wants sent, never larger than MESSAGE_MAX_BYTES.
 * @typedef {Readonly<{channel: "rt" | "ctl", data: Uint8Array}>} Outgoing
 */
