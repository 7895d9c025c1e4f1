"""Networks, losses, training, evaluation, export and weights.

Sender and receiver use `models.weights` (the verified loader) and `models.runtime` (engines for exported graphs), without torch
but for `models.runtime.torch_backend`; everything else that imports torch stays inside this package.
"""
