/**
 * The limits of shared/limits.py that the page enforces too. Written by `python -m signaling.web_limits`: change them
 * there, never here.
 */

/** An acknowledgement is due after this much, however soon: video feeds the rate control faster than motion, which has no more than that in half a second. */
export const ACK_AFTER_BYTES = 1500;

/** An acknowledgement is due at once when the transit grew by this (and twice the jitter) since the last one: a queue. */
export const ACK_DELAY_GROWTH_MS = 40;

/** Bundles before the highest one that an Ack reports. */
export const ACK_HISTORY_BITS = 32;

/** Distance of our own acknowledgements while nothing is missing; each takes along the SCTP acknowledgement that waits. */
export const ACK_INTERVAL_MS = 470;

/** Acks that cannot wait (keyframe complete, parts missing, bases lost) keep this distance. */
export const ACK_URGENT_INTERVAL_MS = 100;

/** Arrivals before the newest that a report describes: 0.7 s of bundles at 80 ms, for 8 bytes an acknowledgement. */
export const ARRIVAL_GAPS_MAX = 8;

/** Arrival times are reported in these steps: a fifth of the smallest delay that matters here, and 8 bits reach 1 s. */
export const ARRIVAL_TICK_US = 4000;

/** Unit of the distance between a motion section and its prediction base. */
export const BASE_UNIT_MS = 20;

/** Motion frames in one bundle: 200 ms at 25 fps is 5; 8 leaves room for redundancy. */
export const BUNDLE_MAX_MOTION_FRAMES = 8;

/** Longest bundle interval: more would cost more latency than it saves in headers. */
export const BUNDLE_MAX_MS = 200;

/** Thumbnails or video pictures in one bundle: 200 ms at 25 fps is 5. */
export const BUNDLE_MAX_VIDEO_UNITS = 8;

/** Opus packets in one bundle: 200 ms of 20 ms packets is 10, plus redundancy. */
export const BUNDLE_MAX_VOICE_PACKETS = 12;

/** Shortest bundle interval: one frame at 25 fps; below it the 93 B of headers outweigh everything. */
export const BUNDLE_MIN_MS = 40;

/** Largest map or array in a control message (msgpack's defaults let 64 KiB grow to 70 MB). */
export const CONTROL_MAX_ITEMS = 32;

/** Longest string or byte string in a control message. */
export const CONTROL_MAX_STRING_BYTES = 256;

/** Time constant with which an expression without motion eases to its mean and leaves the mouth to the voice (measured). */
export const EXPRESSION_EASE_MS = 400;

/** Poses that make up the mean expression of a keyframe: 4 s at 25 fps. */
export const EXPRESSION_MEAN_POSES = 100;

/** Keyframes both ends keep; each motion frame names one of them. */
export const GALLERY_SIZE = 4;

/** A head without motion goes on for this long, ever more slowly; then it is held openly. */
export const HEAD_CONCEAL_MAX_MS = 500;

/** Time constant with which a head without motion comes to rest (measured: 60 to 120 ms are equally good). */
export const HEAD_DAMPING_MS = 80;

/** Poses further apart than this are not interpolated: what is between them is concealed or held. */
export const INTERPOLATE_MAX_GAP_MS = 400;

/** Keyframes under reassembly at once; the oldest is dropped beyond that. */
export const KEYFRAMES_PENDING = 2;

/** A keyframe that got no part for this long is asked for: parts are paced 93 ms apart at 100 kbit/s. */
export const KEYFRAME_IDLE_MS = 150;

/** Reassembly cap of one keyframe; the sender keeps to 4 KiB, the rest is room for larger pictures. */
export const KEYFRAME_MAX_BYTES = 16384;

/** KEYFRAME_MAX_BYTES / KEYFRAME_PART_PAYLOAD_BYTES, rounded up, plus one. */
export const KEYFRAME_MAX_PARTS = 16;

/** Largest side a keyframe header may claim, checked before any decoder sees the bytes (decompression bombs). */
export const KEYFRAME_MAX_SIDE_PX = 512;

/** Payload of one keyframe part (measured: parts of this size, paced, keep motion p95 at 45 ms). */
export const KEYFRAME_PART_PAYLOAD_BYTES = 1100;

/** Media times travel as 24 bits of milliseconds (4.66 h) and are unwrapped against the newest known time. */
export const MEDIA_WRAP_MS = 16777216;

/** Largest message on either channel: with DTLS, SCTP, UDP and IPv6 headers it still fits a 1280-byte MTU. */
export const MESSAGE_MAX_BYTES = 1150;

/** Longest fade from a guessed pose back to received ones: three pictures; a shorter gap is left as quickly. */
export const MOTION_BLEND_MS = 120;

/** Largest difference of two motion symbols: what one coded value may be. */
export const MOTION_DELTA_MAX = 1022;

/** Decoded frames the decoder keeps as bases: BASE_MAX_DISTANCE_MS at 50 fps, 24 KiB. */
export const MOTION_HISTORY_FRAMES = 256;

/** Absolute bound of one quantised motion symbol; decoding clamps to its parameter's own range. */
export const MOTION_SYMBOL_MAX = 511;

/** Pictures are due on this grid of the media clock: 25 fps. */
export const PICTURE_STEP_MS = 40;

/** Added to the jitter percentile: timers and rendering are not exact. */
export const PLAYOUT_MARGIN_MS = 10;

/** Adaptive playout delay never grows beyond this; later media is late, not waited for. */
export const PLAYOUT_MAX_DELAY_MS = 1000;

/** Motion frames or voice packets that may wait for playout (10 s at 25 fps); older ones are dropped. */
export const PLAYOUT_MAX_QUEUE = 256;

/** After only impossible arrival times for this long the media clock is anchored anew. */
export const PLAYOUT_RESYNC_MS = 1000;

/** Playout delay on top of the first bundle's transit, before jitter is known. */
export const PLAYOUT_START_MS = 40;

/** Transit times remembered at once (25 frames and 12.5 voice packets a second need 375). */
export const PLAYOUT_WINDOW_ITEMS = 512;

/** Transit times are remembered this long: at 200 ppm of clock drift they shift by 2 ms. */
export const PLAYOUT_WINDOW_MS = 10000;

/** The same keyframe request is repeated at this pace at most. */
export const REQUEST_INTERVAL_MS = 400;

/** Bundles behind the newest one that are still accepted (5 s at 80 ms); older ones are stale. */
export const SEQ_WINDOW = 64;

/** Largest one, checked before any decoder sees the bytes: the picture that the codec carries. */
export const VIDEO_MAX_SIDE_PX = 256;

/** Smallest thumbnail or video picture: SVT-AV1 refuses smaller ones. */
export const VIDEO_MIN_SIDE_PX = 64;

/** Payload of one part of a larger unit: with its header it is one packet, as keyframe parts. */
export const VIDEO_PART_MAX_BYTES = 1100;

/** Sides are multiples of this, so that one byte says them with room to spare. */
export const VIDEO_SIDE_UNIT_PX = 8;

/** Units of one kind under reassembly at once; the oldest is dropped beyond that (64 KiB for each kind). */
export const VIDEO_UNITS_PENDING = 4;

/** One coded picture: 100 kbit/s for 1.3 s; a good intra picture at 256 px is 4 to 8 KiB. */
export const VIDEO_UNIT_MAX_BYTES = 16384;

/** After this long without any voice packet no more concealment is asked for until voice returns. */
export const VOICE_IDLE_MS = 1000;

/** Opus at 24 kbit/s in 120 ms frames is 360 bytes. */
export const VOICE_PACKET_MAX_BYTES = 400;

/** Opus packets up to this size are DTX or silence (measured 1-8 B): safe to skip when the delay shrinks. */
export const VOICE_QUIET_BYTES = 8;

/** Media times of voice packets remembered to drop repeats. */
export const VOICE_SEEN = 64;

/** Voice packets this far off the play position are played there: a sender's rounding, not a gap. */
export const VOICE_SNAP_MS = 10;
