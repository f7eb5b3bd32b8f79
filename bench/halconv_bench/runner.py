"""Runs the measuring program: one process for each target, dtype and number of threads, since the instruction set that a
peer may use and the threads it starts belong to a process."""

import json
import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from .machine import cpus_for


@dataclass(frozen=True)
class Request:
    """What to measure; the same for every process but for target, dtype and threads."""

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
    """The measuring program ended early, or has nothing to measure."""


@dataclass(frozen=True)
class Process:
    """One run of the measuring program."""

    request: Request
    target: str
    dtype: str
    threads: int

    @property
    def name(self):
        return f"{self.target}/{self.dtype}/threads:{self.threads}"


def processes(request, targets, dtypes, threads):
    """One for each target, dtype and number of threads, with the operations that the target computes in the dtype. Raises
    MeasurementFailed where there is none for a target."""
    planned = []
    for target in targets:
        operations = {dtype: computed_operations(request, target, dtype) for dtype in dtypes}
        if not any(operations.values()):
            asked = f"{', '.join(request.operations)} in {', '.join(dtypes)}"
            raise MeasurementFailed(f"error: {target} has no kernels for {asked}")
        planned += [
            Process(replace(request, operations=operations[dtype]), target, dtype, count)
            for dtype in dtypes
            if operations[dtype]
            for count in threads
        ]
    return planned


def computed_operations(request, target, dtype):
    command = [request.build / "halconv_kernel_list", "kernels", "--targets", target, "--dtypes", dtype]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    generators = {line.split(" ")[2] for line in lines}
    return [operation for operation in request.operations if f"conv2d_{operation}" in generators]


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


def tuned_table(build, tables, target):
    """The table of the folder that kernels of the target take on this machine."""
    command = [build / "halconv_kernel_list", "tuned-table", tables, target]
    return Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


def schedules(build, kernels, tables):
    """{kernel: its schedule's numbers as a tuned row spells them}, from the tables it was compiled with."""
    numbers = {}
    for target in dict.fromkeys(kernel.split("__")[-1] for kernel in kernels):
        names = [kernel for kernel in dict.fromkeys(kernels) if kernel.endswith(f"__{target}")]
        command = [build / "tools" / "halconv_schedule_space", "--table", tuned_table(build, tables, target), *names]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        for line in map(json.loads, output.splitlines()):
            numbers[line["kernel"]] = " ".join(f"{name}={value}" for name, value in line["numbers"].items())
    return numbers


def command_line(process):
    request = process.request
    options = ["--suite", *request.suites, "--ops", *request.operations]
    options += ["--target", process.target, "--dtype", process.dtype, "--threads", process.threads]
    options += ["--accuracy", request.accuracy, "--precision", request.precision, "--seconds", request.seconds]
    if request.layers:
        options += ["--layers", request.layers]
    if request.batch:
        options += ["--batch", request.batch]
    options += ["--peers", *request.peers]
    return [str(word) for word in [request.build / "bench" / "halconv_bench", *options]]


def problems(process):
    """[(operation, problem), ...] that it would measure."""
    command = [*command_line(process), "--list"]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [(event["operation"], event["problem"]) for event in map(json.loads, lines)]


def events(process, libraries=()):
    """Yields what the program reports, as dictionaries. Raises MeasurementFailed if it ends before its last row."""
    cpus = cpus_for(process.threads)
    program = subprocess.Popen(
        command_line(process) + (["--libraries", *map(str, libraries)] if libraries else []),
        stdout=subprocess.PIPE,
        text=True,
        env=environment(process.target, process.threads),
        preexec_fn=lambda: os.sched_setaffinity(0, cpus),
    )
    with program:
        expected, seen = None, 0
        for line in program.stdout:
            event = json.loads(line)
            expected = event.get("rows", expected)
            seen += event["event"] in ("row", "error")
            yield event
    if seen != expected:
        raise MeasurementFailed(f"halconv_bench ended with {program.returncode} after {seen} of {expected or '?'} rows")
