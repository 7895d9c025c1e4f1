/**
 * What this browser can do of what a call needs.
 *
 * Must not touch the page. Invariant: a part counts as there only when the browser says that it supports exactly what
 * is asked of it, not because a name exists.
 */

import { voiceConfig } from "../sound/voiceEncoder.js";

const AV1 = "av01.0.00M.08";

/**
 * connection, secure: without them no call. tracks: an ordinary call is possible. The others: what works less without them
 * (words.js).
 * @typedef {Readonly<{connection: boolean, secure: boolean, tracks: boolean, picture: boolean, voice: boolean,
 *   camera: boolean, microphone: boolean, isolated: boolean}>} Support
 */

/** @param {number} bps @param {number} frameMs @returns {Promise<Support>} */
export async function browserSupport(bps, frameMs) {
  const [picture, voice, camera, microphone] = await Promise.all([
    supported(() => VideoDecoder.isConfigSupported({ codec: AV1 })),
    supported(() => AudioDecoder.isConfigSupported({ codec: "opus", sampleRate: 48_000, numberOfChannels: 1 })),
    supported(() => VideoEncoder.isConfigSupported(keyframeConfig(256))).then(
      (encodes) => encodes && "MediaStreamTrackProcessor" in globalThis,
    ),
    supported(() => AudioEncoder.isConfigSupported(voiceConfig(bps, frameMs))),
  ]);
  const connection = "RTCPeerConnection" in globalThis && "createDataChannel" in RTCPeerConnection.prototype;
  const tracks = connection && "addTransceiver" in RTCPeerConnection.prototype;
  const { isSecureContext: secure, crossOriginIsolated: isolated } = globalThis;
  return Object.freeze({ connection, secure, tracks, picture, voice, camera, microphone, isolated });
}

/**
 * What a VideoEncoder is asked for: single pictures, each with its own quantiser.
 * @param {number} sidePx
 * @returns {VideoEncoderConfig}
 */
export function keyframeConfig(sidePx) {
  const size = { width: sidePx, height: sidePx };
  return { codec: AV1, ...size, bitrateMode: "quantizer", latencyMode: "quality", framerate: 1 };
}

/** @param {() => Promise<{supported?: boolean}>} ask */
async function supported(ask) {
  try {
    return (await ask()).supported === true;
  } catch {
    return false; // the interface is missing altogether
  }
}
