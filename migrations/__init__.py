"""Numbered SQL migrations, package data so that they are found in a wheel too."""
