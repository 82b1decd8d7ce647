"""FIRST floor, onnxruntime: artifact + rows -> forecast."""
