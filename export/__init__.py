"""From published weights and PyTorch nets to ONNX files and engines."""
