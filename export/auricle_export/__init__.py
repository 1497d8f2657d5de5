"""Export: a checkpoint becomes one complete ONNX file, and parity is proved."""
