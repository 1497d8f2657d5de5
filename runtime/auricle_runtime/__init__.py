"""The runtime on the device: numpy, onnxruntime, click; nothing else is imported unless it is used."""
