#!/usr/bin/env python3
"""How interactive interpreters end: does an exit handler run, and what is the status?

    tests/repl-peers.py [STAGESH]

Starts each interpreter that is installed on a terminal of its own, registers a handler that writes a file, ends the session in
each of several ways at the idle prompt, and prints a table in Markdown.
"""

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# What an answer may take; the slowest interpreter starts in a second.
PATIENCE = 20

# For each: its words, what its prompt ends with, the line that registers a handler, and the line that exits with 3.
PEERS = {
    "stagesh": (["stagesh"], "> ", 'atexit(|| fs::write("{}", "x"))', "exit(3)"),
    "python3": (["python3", "-q"], ">>> ", 'import atexit; _ = atexit.register(lambda: open("{}", "w").close())', "exit(3)"),
    "node": (["node"], "> ", 'process.on("exit", () => fs.writeFileSync("{}", "x"))', "process.exit(3)"),
    "irb": (["irb", "--noautocomplete", "--prompt", "simple"], ">> ", 'at_exit {{ File.write("{}", "x") }}', "exit(3)"),
}

WAYS = ["Ctrl-D", "exit(3)", "INT", "TERM", "HUP", "QUIT", "the terminal closed"]


class Session:
    """An interpreter on a terminal of its own."""

    def __init__(self, words, state):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", XDG_STATE_HOME=state, HOME=state)
            os.execvp(words[0], words)
        self.screen = b""

    def wait_for(self, text):
        """Reads until the screen ends with the text, whatever colours and moves of the cursor there are in it."""
        until = time.monotonic() + PATIENCE
        while not plain(self.screen).rstrip(b"\r").endswith(text.encode()):
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.terminal], [], [], left)[0]:
                raise TimeoutError(f"waited for {text!r}, and saw {self.screen[-300:]!r}")
            self.screen += os.read(self.terminal, 65536)

    def type(self, line):
        self.screen = b""
        os.write(self.terminal, line.encode())

    def end(self, way, exit_line):
        if way == "Ctrl-D":
            os.write(self.terminal, b"\x04")
        elif way == "exit(3)":
            os.write(self.terminal, exit_line.encode() + b"\r")
        elif way == "the terminal closed":
            os.close(self.terminal)
            self.terminal = None
        else:
            os.kill(self.pid, getattr(signal, "SIG" + way))

    def status(self):
        """What a shell would see, or None if it goes on."""
        until = time.monotonic() + (2 if self.terminal is not None else PATIENCE)
        while time.monotonic() < until:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                return f"dies by {signal.Signals(-code).name[3:]}" if code < 0 else str(code)
            try:
                # What is not read may hold it up.
                if self.terminal is not None and select.select([self.terminal], [], [], 0.02)[0]:
                    os.read(self.terminal, 65536)
            except OSError:
                time.sleep(0.02)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return None


def plain(screen):
    """A text of the terminal without what begins with an escape."""
    text, index = bytearray(), 0
    while index < len(screen):
        if screen[index] == 0x1B:
            index += 2 if screen[index + 1 : index + 2] in (b"[", b"]", b"(") else 1
            while index < len(screen) and not chr(screen[index]).isalpha():
                index += 1
        else:
            text.append(screen[index])
        index += 1
    return bytes(text)


def measure(words, prompt, register, exit_line, way):
    with tempfile.TemporaryDirectory() as place:
        mark = os.path.join(place, "mark")
        session = Session(words, place)
        session.wait_for(prompt)
        session.type(register.format(mark) + "\r")
        session.wait_for(prompt)
        session.end(way, exit_line)
        status = session.status()
        ran = os.path.exists(mark)
        if session.terminal is not None:
            os.close(session.terminal)
    if status is None:
        return "goes on"
    return f"{status}, handler {'ran' if ran else '**lost**'}"


def version(program):
    said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.split()
    return next((word.lstrip("v") for word in said if any(c.isdigit() for c in word)), "?")


def main():
    peers = dict(PEERS)
    if len(sys.argv) > 1:
        peers["stagesh"] = ([os.path.abspath(sys.argv[1])], *PEERS["stagesh"][1:])
    peers = {name: peer for name, peer in peers.items() if shutil.which(peer[0][0])}
    heads = [f"{name} {version(peer[0][0])}" for name, peer in peers.items()]
    print("| ended by |", " | ".join(heads), "|")
    print("| --- |", " | ".join("---" for _ in heads), "|")
    for way in WAYS:
        print(f"| {way} |", " | ".join(measure(*peer, way) for peer in peers.values()), "|", flush=True)


if __name__ == "__main__":
    main()
