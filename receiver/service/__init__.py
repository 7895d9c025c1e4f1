"""A receiver as a service: many calls with one network, taken from the pool of a signaling service."""
