"""The networks: detector and codes (sender side), dense motion and generator (receiver side), voice branch.

Tensors only: no files, no clock, no numpy. Coordinates are -1..1 with the picture's edges at -1 and 1
(align_corners=False), x before y.
"""
