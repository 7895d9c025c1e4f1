/**
 * When a call becomes an ordinary one, with media tracks instead of motion: one end is a browser that lacks a part, the other
 * is a page too, and whoever lacks nothing has agreed.
 *
 *     hello of each end: features "tracks" (it can), "tracks-only" (it lacks a part, and asks for it)
 *     none: nothing to do      ask: this person may agree      wait: the other person may      agreed: both lack a part
 *
 * Must not touch connections or the page. Invariant: an end that names no "tracks" (every Python peer) is never offered any.
 */

/** @import { Support } from "./support.js" */

const TRACKS = "tracks";
const TRACKS_ONLY = "tracks-only";
/** This end shows thumbnails and video (PROTOCOL.md, section 5). */
const VIDEO = "video";

/** What follows from two hellos. */
export const Way = Object.freeze({
  NONE: /** @type {const} */ ("none"),
  ASK: /** @type {const} */ ("ask"),
  WAIT: /** @type {const} */ ("wait"),
  AGREED: /** @type {const} */ ("agreed"),
});
/** @typedef {typeof Way[keyof typeof Way]} WayOut */

/**
 * Whether this browser lacks a part that its role in the call needs.
 * @param {Support} support
 * @param {string} role
 */
export function lacksPart(support, role) {
  const hears = support.picture && support.voice;
  const speaks = support.camera && support.microphone;
  return !(role === "receiver" || speaks) || !(role === "sender" || hears);
}

/**
 * What this end's hello says of it.
 * @param {Support} support
 * @param {string} role
 * @returns {readonly string[]}
 */
export function featuresOf(support, role) {
  const shows = support.picture && role !== "sender" ? [VIDEO] : [];
  if (!support.tracks) return Object.freeze(shows);
  return Object.freeze([...shows, TRACKS, ...(lacksPart(support, role) ? [TRACKS_ONLY] : [])]);
}

/**
 * Whether who has these features takes tracks without being asked: the page said so before the call.
 * @param {readonly string[]} features
 */
export function takesTracks(features) {
  return features.includes(TRACKS_ONLY);
}

/**
 * @param {readonly string[]} own Features of this end.
 * @param {readonly string[]} theirs
 * @returns {WayOut}
 */
export function wayOut(own, theirs) {
  if (![own, theirs].every((features) => features.includes(TRACKS))) return Way.NONE;
  const [lacking, alsoLacking] = [own, theirs].map(takesTracks);
  if (lacking) return alsoLacking ? Way.AGREED : Way.WAIT;
  return alsoLacking ? Way.ASK : Way.NONE;
}
