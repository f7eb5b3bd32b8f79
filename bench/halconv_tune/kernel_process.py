"""A process that runs one kernel (bench/measure_kernel.cpp), and the ways in which it may fail."""

import json
import os
import selectors
import signal
import subprocess
import time


class KernelFailure(Exception):
    """`outcome` is "wrong", "failed", "crashed" or "timeout"."""

    def __init__(self, outcome, message):
        super().__init__(message)
        self.outcome = outcome


class KernelProcess:
    """Answers turns until it is closed. Raises KernelFailure where the kernel is wrong, crashes or takes too long; ends
    by itself when the tuner does, as its standard input closes then."""

    TURN_TIMEOUT = 60

    def __init__(self, command, cpus, ready_timeout):
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus),
        )
        self.buffer = b""
        try:
            answer = self.read(ready_timeout)
            for outcome in ("wrong", "failed"):
                if outcome in answer:
                    raise KernelFailure(outcome, answer[outcome])
            self.flops = answer["flops"]
        except BaseException:
            self.close()
            raise

    def read(self, timeout):
        """One line of JSON within `timeout` seconds."""
        end = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self.buffer:
                if not selector.select(max(0, end - time.monotonic())):
                    raise KernelFailure("timeout", f"no answer within {timeout} s")
                received = os.read(self.process.stdout.fileno(), 65536)
                if not received:
                    raise KernelFailure("crashed", self.how_it_ended())
                self.buffer += received
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def how_it_ended(self):
        code = self.process.wait()
        return signal.Signals(-code).name if code < 0 else f"returned {code}"

    def order(self, word):
        try:
            self.process.stdin.write(word + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise KernelFailure("crashed", self.how_it_ended()) from None
        return self.read(self.TURN_TIMEOUT)

    def turn(self):
        """Seconds of a call."""
        return self.order(b"turn")["seconds"]

    def peak(self):
        """FLOP/s of multiply-adds in registers."""
        return self.order(b"peak")["flops"]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
