"""Measures the bundled model: `python -m engine.emoji.evaluate`."""
