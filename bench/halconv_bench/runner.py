"""Runs the measuring program: one process for each target and number of threads, since the instruction set that a peer
may use and the threads it starts belong to a process."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .machine import cpus_for


@dataclass(frozen=True)
class Request:
    """What to measure; the same for every process but for target and threads."""

    build: Path
    suites: list
    operations: list
    batch: int | None
    accuracy: str
    layers: str
    peers: list
    precision: float
    seconds: float


class MeasurementFailed(Exception):
    """The measuring program ended early."""


def environment(target, threads):
    """Each peer at its best for the target's instructions, on as many threads as halconv."""
    variables = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
    # The kernels that OpenBLAS takes for an AVX2 CPU and for one without AVX; it chooses itself for AVX-512.
    core = {"avx2": "Haswell", "x86_64": "Nehalem"}.get(target)
    return variables | ({"OPENBLAS_CORETYPE": core} if core else {})


def best_target(build):
    """The best CPU target that this machine can run."""
    command = [build / "halconv_kernel_list", "best-target"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def schedules(build, kernels, tables):
    """{kernel: its schedule's numbers as a tuned row spells them}, from the tables it was compiled with."""
    numbers = {}
    for target in dict.fromkeys(kernel.split("__")[-1] for kernel in kernels):
        names = [kernel for kernel in dict.fromkeys(kernels) if kernel.endswith(f"__{target}")]
        command = [build / "tools" / "halconv_schedule_space", "--table", tables / f"{target}.txt", *names]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        for line in map(json.loads, output.splitlines()):
            numbers[line["kernel"]] = " ".join(f"{name}={value}" for name, value in line["numbers"].items())
    return numbers


def command_line(request, target, threads):
    options = ["--suite", *request.suites, "--ops", *request.operations, "--target", target, "--threads", threads]
    options += ["--accuracy", request.accuracy, "--precision", request.precision, "--seconds", request.seconds]
    if request.layers:
        options += ["--layers", request.layers]
    if request.batch:
        options += ["--batch", request.batch]
    options += ["--peers", *request.peers]
    return [str(word) for word in [request.build / "bench" / "halconv_bench", *options]]


def problems(request, target):
    """[(operation, problem), ...] that a process would measure."""
    command = [*command_line(request, target, 1), "--list"]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [(event["operation"], event["problem"]) for event in map(json.loads, lines)]


def events(request, target, threads, libraries=()):
    """Yields what the program reports, as dictionaries. Raises MeasurementFailed if it ends before its last row."""
    cpus = cpus_for(threads)
    process = subprocess.Popen(
        command_line(request, target, threads) + (["--libraries", *map(str, libraries)] if libraries else []),
        stdout=subprocess.PIPE,
        text=True,
        env=environment(target, threads),
        preexec_fn=lambda: os.sched_setaffinity(0, cpus),
    )
    with process:
        expected, seen = None, 0
        for line in process.stdout:
            event = json.loads(line)
            expected = event.get("rows", expected)
            seen += event["event"] in ("row", "error")
            yield event
    if seen != expected:
        raise MeasurementFailed(f"halconv_bench ended with {process.returncode} after {seen} of {expected or '?'} rows")
