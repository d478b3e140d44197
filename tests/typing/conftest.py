"""The sample program runs in a test, not while pytest looks for doctests."""

collect_ignore = ["user_program.py"]
