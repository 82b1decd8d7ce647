"""From a sales table to a calibrated forecast out of one ONNX file."""
