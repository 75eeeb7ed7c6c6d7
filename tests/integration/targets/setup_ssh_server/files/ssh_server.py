# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""An SSH server that stands in for a rented box: it listens on this machine only, and takes one key made for the run.

The folder that it is given becomes the home of the box. Commands are run there as the user who started the server.
The first line printed is the address, the second the private key to log in with, the third the process to end.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import asyncssh

ADDRESS = "127.0.0.1"
CHUNK = 65536


class Box:
    """What the commands of a connection see."""

    def __init__(self, home: Path) -> None:
        self.home = home
        # Not the caller's: among the Pythons on it may be some that do not start.
        path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"])
        self.env = {"HOME": str(home), "LC_ALL": "C.UTF-8", "LOGNAME": "root", "PATH": path, "USER": "root"}

    async def run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """Run the command of a session; when the client goes away, it ends."""
        # Ansible asks for the home of the user that it logs in as, which is somebody else's on this machine.
        command = (process.command or "").replace("~root", str(self.home))
        ends = (*process.get_extra_info("peername")[:2], *process.get_extra_info("sockname")[:2])
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", command),
            cwd=self.home,
            env={**self.env, "SSH_CONNECTION": " ".join(map(str, ends))},
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
        )
        given = asyncio.create_task(feed(process.stdin, child.stdin))
        done = asyncio.gather(copy(child.stdout, process.stdout), copy(child.stderr, process.stderr), child.wait())
        gone = asyncio.create_task(process.wait_closed())
        await asyncio.wait([done, gone], return_when=asyncio.FIRST_COMPLETED)
        given.cancel()
        with contextlib.suppress(ProcessLookupError):
            if child.returncode is None:
                os.killpg(child.pid, signal.SIGKILL)
        process.exit(await child.wait() & 0xFF)


async def copy(source: asyncio.StreamReader | None, target: asyncssh.SSHWriter[bytes]) -> None:
    while source and (part := await source.read(CHUNK)):
        target.write(part)
        await target.drain()


async def feed(source: asyncssh.SSHReader[bytes], target: asyncio.StreamWriter | None) -> None:
    """A client that breaks off, or a command that does not read, ends the input."""
    with contextlib.suppress(OSError, asyncssh.Error, asyncssh.misc.BreakReceived):
        while target and (part := await source.read(CHUNK)):
            target.write(part)
            await target.drain()
        if target:
            target.close()


def make_key(folder: Path) -> Path:
    """The private key of the run; its public half lies beside it."""
    path, key = folder / "id_ed25519", asyncssh.generate_private_key("ssh-ed25519", comment="made for this run")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(key.export_private_key())
    key.write_public_key(f"{path}.pub")
    return path


async def serve(home: Path, max_lifetime: float, announce: int) -> None:
    key = make_key(home)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    server = await asyncssh.listen(
        ADDRESS,
        0,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        authorized_client_keys=f"{key}.pub",
        process_factory=Box(home).run,
        sftp_factory=True,
        line_editor=False,
        encoding=None,
    )
    async with server:
        os.write(announce, f"{ADDRESS}:{server.get_port()}\n{key}\npid: {os.getpid()}\n".encode())
        os.close(announce)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(ended.wait(), max_lifetime)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("home", type=Path, help="an empty folder that only you can read")
    parser.add_argument("--max-lifetime", type=float, default=600.0, metavar="SECONDS")
    parser.add_argument("--background", action="store_true", help="return at once")
    options = parser.parse_args()
    reading, announce = os.pipe()
    if options.background and os.fork():
        os.close(announce)
        with open(reading, encoding="utf-8") as said:
            text = said.read()
        sys.stdout.write(text)
        return 0 if text else 1
    if options.background:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
    else:
        os.dup2(1, announce)
    asyncio.run(serve(options.home.resolve(), options.max_lifetime, announce))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
