"""Texts -> what a text encoder makes of them: chunks, weights, embeddings."""
