"""The lecture's script is run by a test; it is not collected as one."""

collect_ignore = ["script.py"]
