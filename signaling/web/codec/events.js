/**
 * What a `Decoder` reports about received bytes. Types only, as in shared/core/events.py.
 *
 * MotionReceived: a motion frame, each media time once; its keyframe may still be on its way. VoiceReceived: an Opus
 * packet, each media time once. KeyframeReceived: complete, with a good checksum; its picture is not decoded yet.
 * VideoReceived: a complete thumbnail or video picture, strictly newer
 * than the one of its kind before; others in between may be missing. ControlReceived: a control message of a known kind. AckReceived: hand it to the encoder of the other direction.
 */

/** @import { ControlMessage } from "./control.js" */
/** @import { Keyframe, MotionFrame, VideoUnit, VoicePacket } from "./frames.js" */
/** @import { Ack } from "./wireAck.js" */

/**
 * @typedef {Readonly<{type: "MotionReceived", frame: MotionFrame}>
 *   | Readonly<{type: "VoiceReceived", packet: VoicePacket}>
 *   | Readonly<{type: "KeyframeReceived", keyframe: Keyframe}>
 *   | Readonly<{type: "VideoReceived", unit: VideoUnit}>
 *   | Readonly<{type: "ControlReceived", message: ControlMessage}>
 *   | Readonly<{type: "AckReceived", ack: Ack}>} Event
 */

export {};
