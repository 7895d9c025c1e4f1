"""Export of trained networks to ONNX (opset 17, fp32 and int8) and into the manifest of weights."""
