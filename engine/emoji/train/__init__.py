"""Makes the bundled model: `python -m engine.emoji.train`."""
