"""Finding and following one face with ONNX Runtime: detector, 468-point mesh, iris points, person mask.

May import shared, models.weights, numpy, cv2 and onnxruntime; never torch or mediapipe. Invariant: every point returned
is in pixels of the picture handed in (x right, y down, integer coordinates at pixel centres).
"""
