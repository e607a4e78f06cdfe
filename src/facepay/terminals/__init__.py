"""Tablets as kiosks and gates: their pages, and what these need besides what hardware calls."""
