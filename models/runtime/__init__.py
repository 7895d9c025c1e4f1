"""Ways to run the networks that rebuild a face, for a receiver and for a sender that looks at itself; see `choose`."""
