"""What can go wrong on the organisation's side."""

from __future__ import annotations


class ClientError(Exception):
    """Root of these errors; the message is for the person at the terminal."""


class BadKeyFile(ClientError):
    """The file is no key file, or may be read by others, or the passphrase is wrong."""


class ServerRefused(ClientError):
    """The server answered with a problem."""


class LogDisagrees(ClientError):
    """The log shows something that does not fit what this client saw of it before."""
