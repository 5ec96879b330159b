"""What `python -m engine bench` measures, and how."""
