"""What the bundled model learns from: emoji pictures, their words, and scenes composed of both."""
