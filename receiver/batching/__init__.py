"""Many calls, one network: which pictures are rendered together, what happens when one fails or when there are too many."""
