"""What the modules of this package tell each other."""


class UnusableError(Exception):
    """Content that no trust root can be had from. The message is for log and messages: printable ASCII, one line."""
