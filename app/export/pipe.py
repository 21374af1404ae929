"""Hands a text to another program, such as one that prints: without a shell, without a terminal, and not for ever."""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from app.errors import CommandFailed
from app.storage.files import os_error_text
from app.text.sanitize import shorten

SECONDS: Final = 30.0
#: Bytes of output: those kept for its last line, and those read, behind which a program finds its output closed.
_KEPT: Final = 4_096
_MOST_OUTPUT: Final = 1 << 20
#: Seconds for the rest of the output once the program has ended; a child of it may keep it open.
_LAST_OUTPUT: Final = 1.0
_LINE_CELLS: Final = 200
_OWN_VARIABLES: Final = "DOCKBOOK_"


async def pipe_text(argv: Sequence[str], text: str, seconds: float = SECONDS) -> str:
    """Run a program with the text on its standard input, and return the last line it writes, made safe.

    Raises CommandFailed if it cannot be started, takes longer than `seconds`, or has another exit code than 0. Its
    environment has none of dockbook's own variables: one is a secret.
    """
    reading, writing = os.pipe()
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", 0)
    )
    output = bytearray()
    collecting = asyncio.create_task(_collect(reader, transport, output))
    process = None
    try:
        try:
            process = await _start(argv, writing)
        finally:
            os.close(writing)
        async with asyncio.timeout(seconds):
            await process.communicate(text.encode("utf-8", "replace"))
        await asyncio.wait([collecting], timeout=_LAST_OUTPUT)
    except TimeoutError:
        raise CommandFailed(f"It took longer than {seconds:.0f} s and was stopped.") from None
    finally:
        collecting.cancel()
        transport.close()
        if process is not None and process.returncode is None:
            await _kill(process)
    line = _last_line(output)
    if code := process.returncode:
        how = f"exit code {code}" if code > 0 else f"signal {-code}"
        raise CommandFailed(f"{line or 'It gave no reason'} ({how}).")
    return line


async def _start(argv: Sequence[str], output: int) -> Process:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_VARIABLES)}
    try:
        # In a session of its own it can neither write to the terminal nor read its keys.
        return await asyncio.create_subprocess_exec(
            *argv, stdin=PIPE, stdout=output, stderr=output, env=environ, start_new_session=True
        )
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        why = "is not on this machine" if missing else f"cannot be started: {os_error_text(error)}"
        raise CommandFailed(f"The program {argv[0]} {why}.") from error


async def _collect(reader: asyncio.StreamReader, transport: asyncio.ReadTransport, output: bytearray) -> None:
    read = 0
    while read < _MOST_OUTPUT and (part := await reader.read(1 << 16)):
        output[:] = (output + part)[-_KEPT:]
        read += len(part)
    transport.close()


async def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _last_line(output: bytearray) -> str:
    lines = output.decode("utf-8", "replace").split("\n")
    return shorten(next((line.strip() for line in reversed(lines) if line.strip()), ""), _LINE_CELLS)
