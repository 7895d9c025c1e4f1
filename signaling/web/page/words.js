/**
 * The sentences that the page says. Must not import anything. Invariant: nothing that a peer or a server sent stands in
 * them; where its text is shown, it is shown beside them, as text.
 */

/** What the page says, by state of the call. */
export const STATES = Object.freeze({
  loading: "Loading the networks…",
  joining: "Joining the room…",
  waiting: "You are in the room. Waiting for the other person…",
  connecting: "The other person is here. Connecting…",
  open: "Connected.",
  lost: "The connection was lost. Trying to join again…",
  "no-path":
    "No path to the other person was found. Trying again… Networks that keep strangers apart need a relay (TURN) at this server.",
  left: "You left the call.",
  "peer-left": "The other person hung up.",
  "peer-refused": "The other end does not speak this protocol. The call was ended.",
  "other-model": "The other end uses another version of facewire. Use the same version at both ends.",
  "not-authentic":
    "The security number could not be made: what the other end sent does not fit together. Somebody may sit between you, so the call was ended.",
  broken: "Something in this page failed, so the call was ended. Reload the page to try again.",
});

/** Codes of the signaling service (shared/signaling_messages.py). */
export const REFUSALS = Object.freeze(
  /** @type {Record<string, string>} */ ({
    "room-full": "This room already has its two people. Ask for a link to another room.",
    "role-taken": "Somebody is in this room in the same role already. Ask for another link.",
    "bad-token": "This link is not valid here. Ask for a new one.",
    "expired-token": "This link has expired. Ask for a new one.",
    "used-token": "This link was used already: each lets one person in once. Ask for a new one.",
    "wrong-room": "This link is for another room. Ask for a new one.",
    "wrong-role": "This link is for another role. Ask for a new one.",
    "too-many-rooms": "No further room can be opened now. Try again in a minute.",
    "too-many-connections": "The server is full at the moment. Try again later.",
    "rate-limited": "Too many tries at once. Wait a moment, then try again.",
    busy: "The server cannot admit anybody now. Try again later.",
  }),
);
export const REFUSED = "The signaling service refused. Ask for a new link.";
export const SERVICE_GONE = "The signaling service cannot be reached. Check the connection and try again.";

/** Camera and microphone, by the name of the browser's error. */
export const DEVICES = Object.freeze(
  /** @type {Record<string, string>} */ ({
    NotAllowedError:
      "The browser does not let this page use the camera or the microphone. Allow it at the address bar, or join without: you will still see and hear the other person.",
    NotFoundError: "No such camera or microphone was found. Plug one in, or join without.",
    NotReadableError: "The camera or microphone is in use by another program. Close it there, or join without.",
  }),
);
/** After the sentence on what is missing, where the other one could be opened. */
export const PARTLY = Object.freeze({
  camera: "The camera alone is used.",
  microphone: "The microphone alone is used: the other person will hear you, but not see you.",
});
export const CAMERA_FAILED =
  "Your picture cannot be sent any more. The voice goes on; use the camera anew after the call, or reload the page.";
export const DEVICE_FAILED = "The camera or microphone cannot be used. Join without, or choose another.";

export const COMPARE =
  "Read this number to each other. If you see different ones, somebody sits between you and can listen in: hang up.";
export const NO_DIGITS = "This browser does not tell which certificate the other end used, so there is no number to compare.";

/** Ordinary calls, see ordinary.js. */
export const ORDINARY = Object.freeze({
  lobby:
    "If the other person uses a browser too and agrees, an ordinary video call is made instead: then your camera's picture itself is sent.",
  ask: "The other person's browser lacks a part that this call needs. You can both go on with an ordinary video call: then your camera's picture itself is sent, and it needs a much better connection.",
  wait: "This browser lacks a part that this call needs. The other person was asked to agree to an ordinary video call.",
  on: "Connected by an ordinary video call: pictures and voices are sent as they are.",
});

export const NO_LINK =
  "This address has no invitation in it. Start a call here, or open the link that the other person sent you.";
export const NO_ROOM = "No room could be opened: the server cannot be reached, or is busy. Try again in a minute.";
export const ROOMS_CLOSED = "This server opens no rooms from the page. Ask the person who runs it for a link.";
export const TOO_SLOW =
  "This computer cannot rebuild the picture fast enough: the last pose holds in between. The voice is not affected.";
export const HELD = "No new motion is arriving: the last pose holds.";
export const NO_FACE = "No face is in the camera's picture: the other person sees you hold still.";
/** What happened in a call that goes on. */
export const NOTICES = Object.freeze(
  /** @type {Record<string, string>} */ ({
    "render-failed": "The picture cannot be rebuilt on this computer. The voice goes on.",
    "mirror-failed": "What the other person sees cannot be shown on this computer. The call goes on.",
  }),
);
export const NO_COPY = "The browser does not let this page copy. Copy the link from its field.";
export const NO_FULL_SCREEN = "This browser does not show a page's part in full screen.";

/** What a browser must have, what is missing without it, and whether a call is possible all the same. */
export const PARTS = Object.freeze({
  connection: "This browser has no WebRTC data channels, so it cannot call at all. Use a current Chromium, Firefox or Safari.",
  secure: "This page was not opened over HTTPS, so the browser gives it neither camera nor microphone nor networks.",
  picture: "This browser cannot decode AV1 pictures (WebCodecs), so you will hear the other person but not see them.",
  voice: "This browser cannot decode Opus (WebCodecs AudioDecoder), so you will see the other person but not hear them.",
  camera: "This browser cannot encode AV1 pictures or read the camera's (WebCodecs), so the other person will not see you.",
  microphone: "This browser cannot encode Opus (WebCodecs AudioEncoder), so the other person will not hear you.",
  isolated: "This page is not isolated from others (COOP and COEP), so networks run on one thread and pictures are slow.",
});
