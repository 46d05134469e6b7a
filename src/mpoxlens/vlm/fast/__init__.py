"""The language-vision model without torch: its graphs for ONNX Runtime, and what runs them."""
