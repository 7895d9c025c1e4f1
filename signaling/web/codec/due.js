/**
 * What the playout hands to a renderer and to a voice decoder (shared/core/due.py). Frozen values, and what follows from them.
 *
 * Must not import anything but types.
 */

/** @import { VoicePacket } from "./frames.js" */
/** @import { MotionValues } from "./motionLayout.js" */

/**
 * How a due picture came to be. FRESH: a pose of exactly this media time was received. INTERPOLATED: between two
 * received poses. BLENDED: received, with the rest of a guess that was shown before fading out. CONCEALED: motion is
 * missing; the head goes on ever more slowly, the mouth follows the voice. VOICE: no motion by design (the voice rung).
 * VIDEO: the picture itself was sent. HELD: motion is missing for longer than is made up. WAITING: no keyframe yet.
 */
export const PictureState = Object.freeze({
  FRESH: /** @type {const} */ ("fresh"),
  INTERPOLATED: /** @type {const} */ ("interpolated"),
  BLENDED: /** @type {const} */ ("blended"),
  CONCEALED: /** @type {const} */ ("concealed"),
  VOICE: /** @type {const} */ ("voice"),
  VIDEO: /** @type {const} */ ("video"),
  HELD: /** @type {const} */ ("held"),
  WAITING: /** @type {const} */ ("waiting"),
});

/**
 * A picture to show at local time dueUs, at mediaMs on the media clock. keyframeId, values: which reference and how
 * to move it; both null while WAITING. poseAgeMs: mediaMs minus the time of the newest received pose that values rest
 * on (0 when FRESH). voiceShare: how much of the mouth's motion, 0..1, has to come from the voice.
 * @typedef {Readonly<{mediaMs: number, dueUs: number,
 *   state: "fresh" | "interpolated" | "blended" | "concealed" | "voice" | "video" | "held" | "waiting",
 *   keyframeId: number | null, values: MotionValues | null, poseAgeMs: number, voiceShare: number}>} PictureDue
 */

/** @type {readonly PictureDue["state"][]} States of pictures for whose very time there is motion. */
export const RECEIVED = Object.freeze([PictureState.FRESH, PictureState.INTERPOLATED, PictureState.BLENDED]);

/**
 * Media time of the newest received pose that values rest on, null: there was none for this keyframe.
 * @param {PictureDue} due
 */
export function poseMsOf({ values, state, poseAgeMs, mediaMs }) {
  const without = values === null || (!RECEIVED.includes(state) && poseAgeMs === 0);
  return without ? null : mediaMs - poseAgeMs;
}

/**
 * Voice to play from local time dueUs for durationMs. Each follows the one before without a gap in local time. packet:
 * what to decode, null: conceal. stretch: concealment that lets no media time pass, because the playout delay grows; a
 * recording on the media clock leaves it out.
 * @typedef {Readonly<{mediaMs: number, dueUs: number, durationMs: number, packet: VoicePacket | null,
 *   stretch: boolean}>} VoiceDue
 */
