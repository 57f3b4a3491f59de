"""`python -m app.validations.loopback COMMAND...`: the command in a network of its own that has nothing but the loopback interface,
over which the processes of one run talk to each other. Runs in the namespace that `unshare --net` has just made, and gives up the
right to change it before the command starts."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys

_SET_FLAGS, _UP = 0x8914, 0x1 | 0x40
_AMBIENT, _CLEAR_ALL = 47, 4


def main() -> None:
    """Raises OSError where the interface cannot be brought up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, _SET_FLAGS, struct.pack("16sh22x", b"lo", _UP))
    ctypes.CDLL(None).prctl(_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  the worker's own command, word by word


if __name__ == "__main__":
    main()
