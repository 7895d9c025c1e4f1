"""How the face priors (detector, mesh, iris, segmentation) in `models/weights/priors` were made.

Nothing here is imported at run time; `sender.face` reads the finished ONNX files.
"""
