"""Networks, losses, training, evaluation, export and weights.

`models.weights` (the verified loader) imports the standard library only and is what sender and receiver use;
everything that imports torch stays inside this package, `receiver.backends.torch_backend` excepted.
"""
