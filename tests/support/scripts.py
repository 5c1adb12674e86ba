"""Beginnings of programs that tests run."""

FORBID_SOCKETS = """
import socket, sys

attempts = open(sys.argv.pop(1), "a")

def forbidden(*arguments, **_):
    attempts.write(f"{arguments}\\n")
    attempts.flush()
    raise OSError("this test has no network")

class Forbidden(socket.socket):
    def __init__(self, *arguments, **options):
        forbidden(*arguments)

socket.socket = Forbidden
socket.create_connection = socket.getaddrinfo = socket.gethostbyname = forbidden
"""
"""Refuses and records every attempt, so that one that is swallowed shows all the same.

The file it records them in is the first argument, which it takes away.
"""
