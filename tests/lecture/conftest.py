"""The lecture's script is run by a test; it contains no tests itself."""

collect_ignore = ["script.py"]
