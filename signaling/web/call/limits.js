/**
 * The limits of shared/limits.py that the page enforces too. Written by `python -m signaling.web_limits`: change them
 * there, never here.
 */

/** Bundles before the highest one that an Ack reports. */
export const ACK_HISTORY_BITS = 32;

/** Arrival times are reported in these steps: a fifth of the smallest delay that matters here, and 8 bits reach 1 s. */
export const ARRIVAL_TICK_US = 4000;

/** Oldest prediction base: 8 bits of BASE_UNIT_MS. */
export const BASE_MAX_DISTANCE_MS = 5100;

/** Unit of the distance between a motion section and its prediction base. */
export const BASE_UNIT_MS = 20;

/** Motion frames in one bundle: 200 ms at 25 fps is 5; 8 leaves room for redundancy. */
export const BUNDLE_MAX_MOTION_FRAMES = 8;

/** Longest bundle interval: more would cost more latency than it saves in headers. */
export const BUNDLE_MAX_MS = 200;

/** Opus packets in one bundle: 200 ms of 20 ms packets is 10, plus redundancy. */
export const BUNDLE_MAX_VOICE_PACKETS = 12;

/** Shortest bundle interval: one frame at 25 fps; below it the 93 B of headers outweigh everything. */
export const BUNDLE_MIN_MS = 40;

/** Voice and motion older than this against the newest of their kind are dropped unsent: the listener has moved on. */
export const BUNDLE_STALE_MS = 400;

/** Messages of one call that may be malformed before it is ended: noise is survived, a peer that speaks something else is not. */
export const CALL_MALFORMED_MAX = 100;

/** After a loss was reported, so many bundles (10 s at 80 ms) are predicted from acknowledged frames only, and repeat what the one before carried: at 5 % loss every fifth window of ACK_HISTORY_BITS shows none. */
export const CAREFUL_BUNDLES = 128;

/** Control messages waiting in the encoder; the oldest is dropped beyond that. */
export const CONTROL_QUEUE_MESSAGES = 32;

/** Largest absolute keypoint coordinate (pictures span -1..1) a decoder hands to a network. */
export const COORDINATE_MAX = 1.5;

/** Keyframes both ends keep; each motion frame names one of them. */
export const GALLERY_SIZE = 4;

/** How long a keyframe may wait for the tag that binds it to the connection: a blackout of several seconds is no fraud. */
export const KEYFRAME_BOUND_MAX_MS = 10000;

/** Reassembly cap of one keyframe; the sender keeps to 4 KiB, the rest is room for larger pictures. */
export const KEYFRAME_MAX_BYTES = 16384;

/** KEYFRAME_MAX_BYTES / KEYFRAME_PART_PAYLOAD_BYTES, rounded up, plus one. */
export const KEYFRAME_MAX_PARTS = 16;

/** Largest side a keyframe header may claim, checked before any decoder sees the bytes (decompression bombs). */
export const KEYFRAME_MAX_SIDE_PX = 512;

/** Payload of one keyframe part (measured: parts of this size, paced, keep motion p95 at 45 ms). */
export const KEYFRAME_PART_PAYLOAD_BYTES = 1100;

/** The same at once: a whole gallery, the first picture of a call and its refinement. */
export const KEYFRAME_RATE_BURST = 6;

/** Keyframes of one call that are decoded and encoded in the long run (each costs the receiver 30 to 60 ms); more are refused. */
export const KEYFRAME_RATE_PER_S = 1.0;

/** A part is never sent again sooner than this (or the round trip), however often it is asked for. */
export const KEYFRAME_RESEND_MIN_MS = 200;

/** ... up to this: a peer that never acknowledges costs 3 kbit/s at most for a 4 KiB keyframe. */
export const KEYFRAME_TIMEOUT_MAX_MS = 12000;

/** An unacknowledged keyframe is sent again after this, then after twice as long, ... */
export const KEYFRAME_TIMEOUT_MS = 1500;

/** Acknowledged motion frames kept as prediction bases: BASE_MAX_DISTANCE_MS at 25 fps. */
export const KNOWN_FRAMES = 128;

/** Largest message on either channel: with DTLS, SCTP, UDP and IPv6 headers it still fits a 1280-byte MTU. */
export const MESSAGE_MAX_BYTES = 1150;

/** Lowest rate of the call's voice: below it Opus is hardly intelligible (libopus itself goes down to 500). */
export const OPUS_BITRATE_MIN_BPS = 6000;

/** What a message costs on the wire besides itself, at most (measured): IPv4 and UDP 28, SCTP 28, DTLS 37, or 29 with the cipher that two of our ends agree on (shared.transport.small_packets). */
export const PACKET_WIRE_BYTES = 93;

/** A quiet peer (no face, no voice) is sent a harmless message this often, so that its transport shows that it is alive. */
export const PEER_PROBE_MS = 3000;

/** Side of the square picture that the codec carries. */
export const PICTURE_SIZE_PX = 256;

/** Pictures are due on this grid of the media clock: 25 fps. */
export const PICTURE_STEP_MS = 40;

/** RT data that waits for the congestion window: eight full messages; beyond that the oldest is dropped. */
export const RT_OUTBOX_MAX_BYTES = 9200;

/** ICE candidates in one session description; every one is paired with every local one and probed. */
export const SDP_MAX_CANDIDATES = 32;

/** Sent bundles whose contents the encoder remembers for acknowledgements (an Ack names 33). */
export const SENT_BUNDLES = 64;

/** ICE servers in one `joined` message and addresses (URLs) in one server; browsers warn from five on. */
export const SIGNALING_ICE_SERVERS_MAX = 8;

/** Largest WebSocket message; also what one JSON parse may cost. */
export const SIGNALING_MESSAGE_MAX_BYTES = 65536;

/** Largest session description in UTF-8; a call with two data channels needs about 1 KiB, a browser's video offer 8. */
export const SIGNALING_SDP_MAX_BYTES = 32768;

/** Longest human text (reason, error message), media id, or TURN user name and credential. */
export const SIGNALING_TEXT_MAX_BYTES = 256;

/** A thumbnail corrects pictures that are at most this far from it, before or after: 5 fps with one lost. */
export const THUMBNAIL_MAX_AGE_MS = 250;

/** Bundles that may be on their way while motion is predicted from them: an acknowledgement every 500 ms and a round trip. */
export const TRUSTED_BUNDLES = 16;

/** A call's first bundles (1.3 s at 80 ms) are predicted from acknowledged frames: nobody knows yet what the path loses. */
export const TRUST_AFTER_BUNDLES = 16;

/** A video picture stands for the time after it for this long; then it is held openly. */
export const VIDEO_HOLD_MAX_MS = 500;

/** Motion takes over from video when its newest pose is newer by more than this: a lost video picture is no new rung. */
export const VIDEO_LEAVE_MS = 120;

/** Pictures of one call that wait to be decoded; beyond that the oldest is dropped and a fresh start is asked for. */
export const VIDEO_QUEUE = 8;

/** The same at once: a second of video that was held up. */
export const VIDEO_RATE_BURST = 30;

/** Thumbnails, and likewise video pictures, of one call that are decoded in the long run: 25 fps and a margin. */
export const VIDEO_RATE_PER_S = 30.0;

/** Pictures of one kind that wait for one before them; with one more it is given up and a fresh start is asked for. */
export const VIDEO_REORDER_UNITS = 2;

/** Decoded pictures of one kind that wait for their time: a playout delay of 1 s at 25 fps, 6 MB. */
export const VIDEO_SHELF_PICTURES = 32;

/** Lost voice is concealed at full level for this long (Opus' own concealment decays too). */
export const VOICE_CONCEAL_MS = 120;

/** After VOICE_CONCEAL_MS concealment fades to silence over this time. */
export const VOICE_FADE_MS = 120;

/** Decoded voice that is kept for the mouth branch. */
export const VOICE_HISTORY_MS = 1200;

/** Longest the voice is held back so that it leaves with the picture it belongs to, however slow rendering is. */
export const VOICE_LAG_MAX_MS = 120;

/** Opus at 24 kbit/s in 120 ms frames is 360 bytes. */
export const VOICE_PACKET_MAX_BYTES = 400;
