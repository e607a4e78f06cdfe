"""Pixels only: bounded decoding, detection, alignment, quality and embedding. A library of its own."""
