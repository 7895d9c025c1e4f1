"""Sans-IO state machines of a call: encoder, decoder, playout. Time comes in as `now_us`."""
