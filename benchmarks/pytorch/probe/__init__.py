"""The study `ocr-probe` in eager PyTorch: same sizes, same arms, same cells, same evaluation."""
