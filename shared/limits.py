"""Every limit of the protocol and its peers: one named constant each, with its unit and its reason.

Invariant: a limit that code enforces on remote input stands here, and a test exercises it at the limit and one past.
"""

from typing import Final

# --- picture geometry -------------------------------------------------------------------------------------------
PICTURE_SIZE_PX: Final = 256
"""Side of the square picture that the codec carries."""
KEYFRAME_MAX_SIDE_PX: Final = 512
"""Largest side a keyframe header may claim, checked before any decoder sees the bytes (decompression bombs)."""

# --- messages on the data channels ---------------------------------------------------------------------------------
MESSAGE_MAX_BYTES: Final = 1150
"""Largest message on either channel: with DTLS, SCTP, UDP and IPv6 headers it still fits a 1280-byte MTU."""
BUNDLE_MAX_MOTION_FRAMES: Final = 8
"""Motion frames in one bundle: 200 ms at 25 fps is 5; 8 leaves room for redundancy."""
BUNDLE_MAX_VOICE_PACKETS: Final = 12
"""Opus packets in one bundle: 200 ms of 20 ms packets is 10, plus redundancy."""
VOICE_PACKET_MAX_BYTES: Final = 400
"""Opus at 24 kbit/s in 120 ms frames is 360 bytes."""

# --- keyframes -----------------------------------------------------------------------------------------------------
KEYFRAME_MAX_BYTES: Final = 16 * 1024
"""Reassembly cap of one keyframe; the sender keeps to 4 KiB, the rest is room for larger pictures."""
KEYFRAME_PART_PAYLOAD_BYTES: Final = 1100
"""Payload of one keyframe part (measured: parts of this size, paced, keep motion p95 at 45 ms)."""
KEYFRAME_MAX_PARTS: Final = 16
"""KEYFRAME_MAX_BYTES / KEYFRAME_PART_PAYLOAD_BYTES, rounded up, plus one."""
KEYFRAMES_PENDING: Final = 2
"""Keyframes under reassembly at once; the oldest is dropped beyond that."""
GALLERY_SIZE: Final = 4
"""Keyframes both ends keep; each motion frame names one of them."""

# --- control (msgpack) ---------------------------------------------------------------------------------------------
CONTROL_MAX_ITEMS: Final = 32
"""Largest map or array in a control message (msgpack's defaults let 64 KiB grow to 70 MB)."""
CONTROL_MAX_STRING_BYTES: Final = 256
"""Longest string or byte string in a control message."""

# --- motion --------------------------------------------------------------------------------------------------------
MOTION_SYMBOL_MAX: Final = 511
"""Absolute bound of one quantised motion symbol; decoding clamps to its parameter's own range."""
MOTION_DELTA_MAX: Final = 2 * MOTION_SYMBOL_MAX
"""Largest difference of two motion symbols: what one coded value may be."""
COORDINATE_MAX: Final = 1.5
"""Largest absolute keypoint coordinate (pictures span -1..1) a decoder hands to a network."""

# --- playout -------------------------------------------------------------------------------------------------------
PLAYOUT_MAX_DELAY_MS: Final = 1000
"""Adaptive playout delay never grows beyond this; later media is late, not waited for."""
PLAYOUT_MAX_QUEUE: Final = 256
"""Motion frames or voice packets that may wait for playout (10 s at 25 fps); older ones are dropped."""

# --- signaling: messages -------------------------------------------------------------------------------------------
SIGNALING_MESSAGE_MAX_BYTES: Final = 64 * 1024
"""Largest WebSocket message; also what one JSON parse may cost."""
SIGNALING_SDP_MAX_BYTES: Final = 32 * 1024
"""Largest session description in UTF-8; a call with two data channels needs about 1 KiB, a browser's video offer 8."""
SIGNALING_CANDIDATE_MAX_BYTES: Final = 1024
"""Longest ICE candidate line; real ones stay under 300 bytes."""
SIGNALING_TOKEN_MAX_BYTES: Final = 1024
"""Longest join token; ours are about 280 bytes."""
SIGNALING_TEXT_MAX_BYTES: Final = 256
"""Longest human text (reason, error message), media id, or TURN user name and credential."""
SIGNALING_ROOM_MAX_CHARS: Final = 64
"""Longest room name; 128 random bits in URL-safe base64 are 22 characters."""
SIGNALING_ICE_SERVERS_MAX: Final = 8
"""ICE servers in one `joined` message and addresses (URLs) in one server; browsers warn from five on."""

# --- signaling: tokens and secrets ---------------------------------------------------------------------------------
SIGNALING_SECRET_MIN_CHARS: Final = 32
"""Shortest signing secret: RFC 7518 section 3.2 wants 256 bits for HMAC-SHA256."""
SIGNALING_TOKEN_DEFAULT_S: Final = 300
"""Life of a join token unless asked otherwise: it only has to reach the person and be used once."""
SIGNALING_TOKEN_MAX_S: Final = 24 * 3600
"""Longest life of a token that the server accepts; bounds how long used tokens must be remembered."""
SIGNALING_PAGE_TOKEN_S: Final = 3600
"""Life of a token that the page is given: of an invitation, and of the one for joining the same room again."""
SIGNALING_USED_TOKENS_MAX: Final = 100_000
"""Used token ids remembered until they expire (about 15 MB); beyond that joins are refused, none is forgotten early."""
TURN_CREDENTIAL_S: Final = 600
"""Life of a TURN credential: it must outlast connection set-up, not the call."""

# --- signaling: rooms and rates ------------------------------------------------------------------------------------
SIGNALING_ROOMS_MAX: Final = 1000
"""Rooms at once in one process."""
SIGNALING_ROOMS_PER_ADDRESS: Final = 10
"""Rooms that one address (IPv4, or IPv6 /64) may hold open."""
SIGNALING_PEERS_PER_ROOM: Final = 2
"""A call has two ends."""
SIGNALING_CONNECTIONS_MAX: Final = 2200
"""WebSockets at once: two per room plus 10 % that have not joined yet."""
SIGNALING_CONNECTIONS_PER_ADDRESS: Final = 24
"""WebSockets at once from one address: two per room plus a few that have not joined yet."""
SIGNALING_JOIN_DEADLINE_MS: Final = 10_000
"""A connection that has not joined by then is closed."""
SIGNALING_EMPTY_ROOM_TTL_MS: Final = 60_000
"""A room that everybody left still counts against its opener for this long: making rooms in a loop gains nothing."""
SIGNALING_MESSAGES_PER_S: Final = 20
"""Messages a connection may send in the long run (token bucket)."""
SIGNALING_MESSAGES_BURST: Final = 40
"""Messages a connection may send at once: a browser's offer with all its candidates."""
SIGNALING_ADDRESS_MESSAGES_PER_S: Final = 100
"""Messages and upgrade requests of all connections of one address together, in the long run."""
SIGNALING_ADDRESS_MESSAGES_BURST: Final = 200
"""The same at once."""
SIGNALING_RATE_VIOLATIONS_MAX: Final = 20
"""Messages past the rate that are dropped with an error; one more closes the connection."""
SIGNALING_ADDRESSES_TRACKED: Final = 10_000
"""Addresses whose rate is remembered; the one unseen for longest is forgotten first."""
SIGNALING_OUTBOX_MESSAGES: Final = 64
"""Messages waiting for a slow reader; one more closes that reader's connection."""

# --- signaling: many processes, one Redis ---------------------------------------------------------------------------
SIGNALING_SHARED_ROOMS_MAX: Final = 100_000
"""Rooms at once in one Redis, about 1 KB each; a process still seats no more connections than SIGNALING_CONNECTIONS_MAX."""
SIGNALING_LEASE_MS: Final = 9_000
"""A seat in Redis whose process does not renew it for this long is free: so long the seats of a killed process stay taken."""
SIGNALING_LEASE_RENEW_MS: Final = 3_000
"""Seats are renewed this often: two renewals may fail before a lease ends."""
SIGNALING_STORE_TIMEOUT_S: Final = 2.0
"""Longest wait for an answer of Redis; then the peer is told to try again later."""
SIGNALING_DRAIN_MAX_S: Final = 3600.0
"""Longest time that a process asked to end may be told to wait for its calls."""

# --- receiver ------------------------------------------------------------------------------------------------------
SINK_MAX_GAP_MS: Final = 10_000
"""Largest hole of the media clock that a recording fills; a larger jump is a new clock (a peer may claim 2**32 ms)."""
SINK_QUEUE_PICTURES: Final = 50
"""Pictures that wait for a recording's encoder: 2 s at 25 fps, 10 MB."""
SINK_QUEUE_PICTURES_LOSSLESS: Final = 250
"""Pictures that wait for the measuring sink, which must not lose any to a slow moment: 10 s, 49 MB."""
SINK_QUEUE_VOICE: Final = 500
"""Voice blocks that wait for a sink: 10 s of 20 ms packets, 1 MB."""
RENDER_QUEUE: Final = 2
"""Pictures of one call that wait for the network; beyond that the oldest is dropped, the latest wins."""
RENDER_BATCH_MAX: Final = 64
"""Pictures, each of another call, that a network makes at once: a GPU is full long before, and each waits for all the others."""
RENDER_BATCH_WAIT_MS: Final = 10
"""A picture waits for those of other calls at most this long: a quarter of the time to the next one."""
RENDER_ACTIVE_MS: Final = 100
"""A call whose last picture was due longer ago is not waited for: two pictures and their jitter."""
RENDER_CALLS_MAX: Final = 256
"""Calls that share a network; one more is refused. Each keeps up to GALLERY_SIZE references, 10 MB of the size lite in bf16."""
SUSPECT_PICTURES: Final = 25
"""A call whose picture could not be made in a batch renders alone until it has made so many: a second of it."""
LOAD_WINDOW_MS: Final = 1000
"""Load is judged over this time: 25 pictures of each call."""
LOAD_SHED_SHARE: Final = 0.1
"""A network that loses more than this share of the pictures is overloaded; below it nobody sees more than a jerk."""
LOAD_SHED_WINDOWS: Final = 2
"""Windows in a row that are overloaded before calls are asked for less: a slow moment is no overload."""
LOAD_ASK_SHARE: Final = 0.25
"""Share of the calls that is asked for less at a time: all of them within four steps, and none for nothing."""
LOAD_RELEASE_BUSY: Final = 0.6
"""A call gets its pictures back while the network is busy for less than this share of the time: one call at most doubles it."""
LOAD_RELEASE_WINDOWS: Final = 5
"""Windows in a row without loss before a call gets its pictures back."""
REFERENCE_QUEUE: Final = 2
"""Keyframes of one call that wait to be decoded and encoded; beyond that the oldest is dropped."""
KEYFRAME_RATE_PER_S: Final = 1.0
"""Keyframes of one call that are decoded and encoded in the long run (each costs the receiver 30 to 60 ms); more are refused."""
KEYFRAME_RATE_BURST: Final = 6
"""The same at once: a whole gallery, the first picture of a call and its refinement."""
VIDEO_RATE_PER_S: Final = 30.0
"""Thumbnails, and likewise video pictures, of one call that are decoded in the long run: 25 fps and a margin."""
VIDEO_RATE_BURST: Final = 30
"""The same at once: a second of video that was held up."""
VIDEO_DECODE_MAX_MS: Final = 100
"""One picture whose decoding took longer is not shown, and all that rest on it are refused (usual: under 2 ms)."""
VIDEO_REORDER_UNITS: Final = 2
"""Pictures of one kind that wait for one before them; with one more it is given up and a fresh start is asked for."""
VIDEO_QUEUE: Final = 8
"""Pictures of one call that wait to be decoded; beyond that the oldest is dropped and a fresh start is asked for."""
VIDEO_SHELF_PICTURES: Final = 32
"""Decoded pictures of one kind that wait for their time: a playout delay of 1 s at 25 fps, 6 MB."""
VIDEO_HOLD_MAX_MS: Final = 500
"""A video picture stands for the time after it for this long; then it is held openly."""
VIDEO_LEAVE_MS: Final = 120
"""Motion takes over from video when its newest pose is newer by more than this: a lost video picture is no new rung."""
KEYFRAME_BOUND_MAX_MS: Final = 10_000
"""How long a keyframe may wait for the tag that binds it to the connection: a blackout of several seconds is no fraud."""
THUMBNAIL_MAX_AGE_MS: Final = 250
"""A thumbnail corrects pictures that are at most this far from it, before or after: 5 fps with one lost."""
EARS_QUEUE: Final = 64
"""Voice packets that wait to be heard by the mouth branch; beyond that the oldest is not heard."""
VOICE_CONCEAL_MS: Final = 120
"""Lost voice is concealed at full level for this long (Opus' own concealment decays too)."""
VOICE_FADE_MS: Final = 120
"""After VOICE_CONCEAL_MS concealment fades to silence over this time."""
VOICE_LAG_MAX_MS: Final = 120
"""Longest the voice is held back so that it leaves with the picture it belongs to, however slow rendering is."""
VOICE_HISTORY_MS: Final = 1_200
"""Decoded voice that is kept for the mouth branch."""
PEER_SILENCE_MS: Final = 10_000
"""A peer that sends nothing for this long is gone (aiortc alone notices only after 30 s)."""
REJOIN_MAX_S: Final = 3600.0
"""Longest time that an end may be told to wait for a lost peer to come back."""
PEER_PROBE_MS: Final = 3_000
"""A quiet peer (no face, no voice) is sent a harmless message this often, so that its transport shows that it is alive."""
PLAYOUT_DRAIN_MS: Final = 1_500
"""After the peer has left, what waits for playout is shown for at most this long (PLAYOUT_MAX_DELAY_MS and a bundle)."""
STATS_MAX_PICTURES: Final = 200_000
"""Pictures and voice packets whose times a stats file keeps: over 2 h at 25 fps."""

# --- transport -----------------------------------------------------------------------------------------------------
RT_RECEIVE_QUEUE: Final = 256
"""Received RT messages that wait for the session; beyond that the oldest is dropped (20 s of 80 ms bundles)."""
CTL_RECEIVE_QUEUE: Final = 128
"""Received CTL messages that wait for the session; they may not be dropped, so one more closes the call."""
RT_OUTBOX_MAX_BYTES: Final = 8 * MESSAGE_MAX_BYTES
"""RT data that waits for the congestion window: eight full messages; beyond that the oldest is dropped."""
RT_OUTBOX_MAX_AGE_MS: Final = 250
"""RT data that waited longer than this is stale: the receiver's playout has passed it, it is dropped unsent."""
CTL_OUTBOX_MAX_BYTES: Final = 64 * 1024
"""CTL data that waits for a peer that does not acknowledge; one message more closes the call."""
SCTP_REASSEMBLY_MAX_BYTES: Final = 64 * 1024
"""Fragments and out-of-order messages held for one call; aiortc itself has no cap."""
SCTP_REASSEMBLY_MAX_CHUNKS: Final = 1024
"""The same in chunks, against floods of empty ones."""
SCTP_MISORDERED_MAX: Final = 1024
"""Packet numbers held beyond a gap; aiortc sorts them on every packet."""
SCTP_SACK_GAP_MAX: Final = 4096
"""Packet numbers one acknowledgement may list; aiortc walks through all of them (up to 19 million in one packet)."""
SACK_DELAY_MS: Final = 490
"""Longest wait before data is acknowledged: below the 500 ms of RFC 9260 section 6.2, above ACK_INTERVAL_MS."""
SACK_AFTER_BYTES: Final = 1200
"""Data, chunk headers included, that is acknowledged without waiting: one full packet, the smallest congestion window."""
SDP_MAX_CANDIDATES: Final = 32
"""ICE candidates in one session description; every one is paired with every local one and probed."""
TRANSPORT_OPEN_TIMEOUT_S: Final = 15.0
"""Longest wait for both data channels: ICE over a relay takes 1 to 5 s, then DTLS with one retransmit."""
TRANSPORT_CLOSE_TIMEOUT_S: Final = 2.0
"""Longest orderly close; after that the sockets are closed from under aiortc."""
TRANSPORT_CLOSE_DRAIN_MS: Final = 300
"""Time that unacknowledged CTL messages get at close: one delayed acknowledgement and a round trip."""
WIRE_HISTORY_S: Final = 3600
"""Seconds of traffic history kept for plots."""

# --- voice ---------------------------------------------------------------------------------------------------------
OPUS_BITRATE_MIN_BPS: Final = 6_000
"""Lowest rate of the call's voice: below it Opus is hardly intelligible (libopus itself goes down to 500)."""
OPUS_BITRATE_MAX_BPS: Final = 24_000
"""Highest rate of the call's voice: 120 ms of it (360 bytes) fit VOICE_PACKET_MAX_BYTES."""

# --- wire and the encoder's and decoder's state -----------------------------------------------------------------------
MEDIA_WRAP_MS: Final = 1 << 24
"""Media times travel as 24 bits of milliseconds (4.66 h) and are unwrapped against the newest known time."""
BUNDLE_MIN_MS: Final = 40
"""Shortest bundle interval: one frame at 25 fps; below it the 93 B of headers outweigh everything."""
BUNDLE_MAX_MS: Final = 200
"""Longest bundle interval: more would cost more latency than it saves in headers."""
BUNDLE_STALE_MS: Final = 400
"""Voice and motion older than this against the newest of their kind are dropped unsent: the listener has moved on."""
SENT_BUNDLES: Final = 64
"""Sent bundles whose contents the encoder remembers for acknowledgements (an Ack names 33)."""
TRUSTED_BUNDLES: Final = 16
"""Bundles that may be on their way while motion is predicted from them: an acknowledgement every 500 ms and a round trip."""
TRUST_AFTER_BUNDLES: Final = 16
"""A call's first bundles (1.3 s at 80 ms) are predicted from acknowledged frames: nobody knows yet what the path loses."""
CAREFUL_BUNDLES: Final = 128
"""After a loss was reported, so many bundles (10 s at 80 ms) are predicted from acknowledged frames only, and repeat
what the one before carried: at 5 % loss every fifth window of ACK_HISTORY_BITS shows none."""
ACK_HISTORY_BITS: Final = 32
"""Bundles before the highest one that an Ack reports."""
KNOWN_FRAMES: Final = 128
"""Acknowledged motion frames kept as prediction bases: BASE_MAX_DISTANCE_MS at 25 fps."""
BASE_UNIT_MS: Final = 20
"""Unit of the distance between a motion section and its prediction base."""
BASE_MAX_DISTANCE_MS: Final = 255 * BASE_UNIT_MS
"""Oldest prediction base: 8 bits of BASE_UNIT_MS."""
MOTION_HISTORY_FRAMES: Final = 256
"""Decoded frames the decoder keeps as bases: BASE_MAX_DISTANCE_MS at 50 fps, 24 KiB."""
SEQ_WINDOW: Final = 64
"""Bundles behind the newest one that are still accepted (5 s at 80 ms); older ones are stale."""
VOICE_SEEN: Final = 64
"""Media times of voice packets remembered to drop repeats."""
CONTROL_QUEUE_MESSAGES: Final = 32
"""Control messages waiting in the encoder; the oldest is dropped beyond that."""

# --- keyframe delivery and acknowledgements ------------------------------------------------------------------------------
KEYFRAME_RESEND_MIN_MS: Final = 200
"""A part is never sent again sooner than this (or the round trip), however often it is asked for."""
KEYFRAME_TIMEOUT_MS: Final = 1500
"""An unacknowledged keyframe is sent again after this, then after twice as long, ..."""
KEYFRAME_TIMEOUT_MAX_MS: Final = 12_000
"""... up to this: a peer that never acknowledges costs 3 kbit/s at most for a 4 KiB keyframe."""
KEYFRAME_IDLE_MS: Final = 150
"""A keyframe that got no part for this long is asked for: parts are paced 93 ms apart at 100 kbit/s."""
ACK_INTERVAL_MS: Final = 470
"""Distance of our own acknowledgements while nothing is missing; each takes along the SCTP acknowledgement that waits."""
ACK_URGENT_INTERVAL_MS: Final = 100
"""Acks that cannot wait (keyframe complete, parts missing, bases lost) keep this distance."""
REQUEST_INTERVAL_MS: Final = 400
"""The same keyframe request is repeated at this pace at most."""

# --- playout timing -----------------------------------------------------------------------------------------------------
PICTURE_STEP_MS: Final = 40
"""Pictures are due on this grid of the media clock: 25 fps."""
PLAYOUT_START_MS: Final = 40
"""Playout delay on top of the first bundle's transit, before jitter is known."""
PLAYOUT_MARGIN_MS: Final = 10
"""Added to the jitter percentile: timers and rendering are not exact."""
PLAYOUT_WINDOW_MS: Final = 10_000
"""Transit times are remembered this long: at 200 ppm of clock drift they shift by 2 ms."""
PLAYOUT_WINDOW_ITEMS: Final = 512
"""Transit times remembered at once (25 frames and 12.5 voice packets a second need 375)."""
PLAYOUT_RESYNC_MS: Final = 1000
"""After only impossible arrival times for this long the media clock is anchored anew."""
INTERPOLATE_MAX_GAP_MS: Final = 400
"""Poses further apart than this are not interpolated: what is between them is concealed or held."""
HEAD_CONCEAL_MAX_MS: Final = 500
"""A head without motion goes on for this long, ever more slowly; then it is held openly."""
HEAD_DAMPING_MS: Final = 80
"""Time constant with which a head without motion comes to rest (measured: 60 to 120 ms are equally good)."""
EXPRESSION_EASE_MS: Final = 400
"""Time constant with which an expression without motion eases to its mean and leaves the mouth to the voice (measured)."""
EXPRESSION_MEAN_POSES: Final = 100
"""Poses that make up the mean expression of a keyframe: 4 s at 25 fps."""
MOTION_BLEND_MS: Final = 120
"""Longest fade from a guessed pose back to received ones: three pictures; a shorter gap is left as quickly."""
VOICE_SNAP_MS: Final = 10
"""Voice packets this far off the play position are played there: a sender's rounding, not a gap."""
VOICE_IDLE_MS: Final = 1000
"""After this long without any voice packet no more concealment is asked for until voice returns."""
VOICE_QUIET_BYTES: Final = 8
"""Opus packets up to this size are DTX or silence (measured 1-8 B): safe to skip when the delay shrinks."""
KEYFRAME_IMAGE_MIN_BYTES: Final = 256
"""Smallest picture a sender may ask for: a flat 256x256 AV1 picture takes under 100 bytes, a blurred face 250."""
KEYFRAME_SENDER_MAX_BYTES: Final = 4096
"""Largest keyframe picture a sender makes; at 100 kbit/s it is under way for a third of a second."""
CALL_MALFORMED_MAX: Final = 100
"""Messages of one call that may be malformed before it is ended: noise is survived, a peer that speaks something else
is not."""

# --- thumbnails and video ----------------------------------------------------------------------------------------------
VIDEO_MIN_SIDE_PX: Final = 64
"""Smallest thumbnail or video picture: SVT-AV1 refuses smaller ones."""
VIDEO_MAX_SIDE_PX: Final = 256
"""Largest one, checked before any decoder sees the bytes: the picture that the codec carries."""
VIDEO_SIDE_UNIT_PX: Final = 8
"""Sides are multiples of this, so that one byte says them with room to spare."""
VIDEO_UNIT_MAX_BYTES: Final = 16 * 1024
"""One coded picture: 100 kbit/s for 1.3 s; a good intra picture at 256 px is 4 to 8 KiB."""
VIDEO_PART_MAX_BYTES: Final = 1100
"""Payload of one part of a larger unit: with its header it is one packet, as keyframe parts."""
VIDEO_UNIT_MAX_PARTS: Final = 16
"""VIDEO_UNIT_MAX_BYTES / VIDEO_PART_MAX_BYTES, rounded up, plus one."""
BUNDLE_MAX_VIDEO_UNITS: Final = 8
"""Thumbnails or video pictures in one bundle: 200 ms at 25 fps is 5."""
VIDEO_UNITS_PENDING: Final = 4
"""Units of one kind under reassembly at once; the oldest is dropped beyond that (64 KiB for each kind)."""
VIDEO_INTRA_REST_MS: Final = 500
"""A picture that stands alone is not coded again sooner than this after the last one was sent, however often it is wished
for: the wish stands in every acknowledgement until one has arrived."""
VIDEO_QUEUE_UNITS: Final = 8
"""Pictures that wait in the encoder; beyond that the oldest is dropped, and the next one must stand alone."""

PACKET_WIRE_BYTES: Final = 93
"""What a message costs on the wire besides itself, at most (measured): IPv4 and UDP 28, SCTP 28, DTLS 37, or 29 with the cipher
that two of our ends agree on (shared.transport.small_packets)."""

# --- acknowledgements for the rate control -------------------------------------------------------------------------------
ARRIVAL_TICK_US: Final = 4000
"""Arrival times are reported in these steps: a fifth of the smallest delay that matters here, and 8 bits reach 1 s."""
ARRIVAL_GAPS_MAX: Final = 8
"""Arrivals before the newest that a report describes: 0.7 s of bundles at 80 ms, for 8 bytes an acknowledgement."""
ACK_AFTER_BYTES: Final = 1500
"""An acknowledgement is due after this much, however soon: video feeds the rate control faster than motion, which has
no more than that in half a second."""
ACK_DELAY_GROWTH_MS: Final = 40
"""An acknowledgement is due at once when the transit grew by this (and twice the jitter) since the last one: a queue."""

# --- ordinary WebRTC at the edges: WHEP out, WHIP in ---------------------------------------------------------------------
WHEP_VIEWERS_MAX: Final = 8
"""Viewers of one call at once: each has an encoder of its own, about a tenth of a core."""
SERVICE_VIEWERS_MAX: Final = 256
"""Viewers of all calls of one receiver service at once: as many as it has calls at most, each with an encoder of its own."""
WHIP_REQUESTS_PER_S: Final = 2.0
"""HTTP requests of one address to a WHEP or WHIP port in the long run: preflight, POST and DELETE are three a session."""
WHIP_REQUESTS_BURST: Final = 12
"""At once: four players behind one address that open together; a guesser of tokens gets no further than this."""
WHIP_ADDRESSES_TRACKED: Final = 1000
"""Addresses whose rate is remembered; the one unseen for longest is forgotten first."""
WHIP_CONNECTIONS_MAX: Final = 64
"""TCP connections of a WHEP or WHIP port at once; one more is closed unread."""
WHIP_CONNECTION_S: Final = 10.0
"""Life of one such connection, however slowly it speaks: a request and its answer take milliseconds."""
WHIP_TOKEN_MIN_CHARS: Final = 16
"""Shortest bearer token: 16 characters at random are 96 bits."""
WHIP_SIDE_MAX_PX: Final = 1920
"""Sides of a publisher's picture; a larger one ends its session: what is used of it is a face of 256 px."""
WHIP_BACKLOG_FRAMES: Final = 120
"""A publisher's coded frames that may wait for their decoder (aiortc has no bound of its own): 2 s at 60 a second."""
WHIP_SILENCE_MS: Final = 3_000
"""A publisher from whom nothing was decoded for this long may be replaced by another one."""
WHIP_VOICE_WAIT_MS: Final = 200
"""How long a block of a publisher's voice is waited for: aiortc holds 80 ms back, the network jitters by the rest."""
LIVE_DELAY_MS: Final = 60
"""Live sinks show and play this much later than they are told, so that a voice that comes in blocks has no holes."""
LIVE_VOICE_MS: Final = 1_000
"""Voice that a live sink keeps for those that read it; older voice is forgotten."""
LIVE_PICTURES: Final = 8
"""Pictures that wait for LIVE_DELAY_MS: 60 ms are two, and a burst after a stall is cut to the newest."""
LIVE_CLOSE_S: Final = 3.0
"""How long the end of a call waits for the thread of a live sink; a network call that hangs longer is left behind."""
PUSH_RETRY_MIN_S: Final = 1.0
"""Pause before a push connects again; it doubles with each failure."""
PUSH_RETRY_MAX_S: Final = 30.0
"""And grows to this at most: an ingest server that was restarted is found again within half a minute."""
PUSH_STALL_S: Final = 15.0
"""A server that takes nothing for this long, while it is connected to or later, is taken for lost."""
WATERMARK_PICTURES: Final = 750
"""Pictures of a file that the watermark detector reads: 30 s of a call say as much as an hour does."""

# --- a receiver service and its pool --------------------------------------------------------------------------------------
POOL_HEARTBEAT_MS: Final = 1_000
"""A receiver tells its pool at least this often how many calls it could take: one that is silent longer is losing its place."""
POOL_RETRY_MIN_MS: Final = 250
"""Pause, half of it at random, before a receiver registers again with a pool that it lost; it doubles with each failure."""
POOL_RETRY_MAX_MS: Final = 4_000
"""And grows to this at most: a service that was restarted has its receivers back within seconds, not all at once."""
POOL_SAY_MIN_MS: Final = 120
"""A receiver tells its pool something at most this often, two messages each time: under SIGNALING_MESSAGES_PER_S."""
POOL_MEET_S: Final = 20.0
"""How long a receiver waits for the sender of an assigned room, who sat there just before: one connection's time, and some."""
POOL_TOKEN_MAX_S: Final = 30 * 24 * 3600
"""Longest life of a receiver's token for the pool: it is read anew at each registration, so a new file replaces it."""
POOL_WORKERS_MAX: Final = 1_000
"""Receivers in one pool at once: with RENDER_CALLS_MAX calls each more than SIGNALING_SHARED_ROOMS_MAX rooms."""
POOL_LEASE_MS: Final = 5_000
"""A receiver that was silent for five heartbeats is out of its pool; it comes back by registering again."""
POOL_JOIN_MS: Final = 3_000
"""How long the receiver that was given a room may take to come into it; then another one is given the room."""
POOL_LINE_WAITING: Final = 1_000
"""Words for other signaling processes that wait while Redis is away: heartbeats say the same again."""
POOL_SHOWN_MS: Final = 5_000
"""How long viewers are told where a room is shown after the last time that its process said so, once a second."""
POOL_TRIES_PER_MINUTE: Final = 6
"""Receivers that one room is given in a minute; after that it waits for the minute to end: a room may kill what takes it."""
