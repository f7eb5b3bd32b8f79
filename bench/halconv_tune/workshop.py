"""The programs of a build that the tuner works with: what kernels there are, their numbers, compiling one, running it."""

import hashlib
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from halconv_bench.machine import cpus_for

from .kernel_process import KernelProcess


class CompileFailure(Exception):
    """`outcome` is "not compiled" or "timeout"."""

    def __init__(self, outcome, message):
        super().__init__(message)
        self.outcome = outcome


@dataclass(frozen=True)
class Kernel:
    """A line of halconv_kernel_list."""

    name: str
    generator: str
    halide_target: str
    dtype: str
    problem: str  # "generic", or "" where the generator takes none


def output_of(*command):
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout


class Workshop:
    COMPILE_TIMEOUT = 120
    READY_TIMEOUT = 60
    REFERENCE_TIMEOUT = 1800  # the first process of a problem also computes the reference

    def __init__(self, build, work, threads):
        self.build, self.work, self.threads = Path(build), Path(work), threads
        self.cpus = cpus_for(threads)
        self.generate = self.build / "generators" / "halconv_generate"
        self.compiler = shutil.which("c++") or "c++"
        self.prepared = []  # libraries of the kernels that all others need
        shutil.rmtree(self.work / "libraries", ignore_errors=True)
        (self.work / "libraries").mkdir(parents=True)
        (self.work / "expected").mkdir(exist_ok=True)

    def version(self):
        """Of the schedules: a trial says nothing about those of another."""
        return hashlib.sha256(self.generate.read_bytes()).hexdigest()[:16]

    def kernels(self, suites, target, operations, batch):
        options = ["--targets", target, "--ops", ",".join(operations), *(["--batch", batch] if batch else [])]
        lines = output_of(self.build / "halconv_kernel_list", "kernels", *options, *suites).splitlines()
        return [Kernel(*(line.split(" ") + [""])[1:6]) for line in lines]

    def schedules(self, names, table, candidates=False):
        """{kernel: {"numbers": ..., "candidates": ...}}"""
        options = ["--table", table, *(["--candidates"] if candidates else [])]
        lines = output_of(self.build / "tools" / "halconv_schedule_space", *options, *names).splitlines()
        return {line["kernel"]: line for line in map(json.loads, lines)}

    def compile(self, kernel, numbers, folder):
        """The kernel with these numbers as <folder>/<name>.so. Raises CompileFailure."""
        folder = self.work / "libraries" / folder
        folder.mkdir(parents=True, exist_ok=True)
        parameters = [f"dtype={kernel.dtype}", *([f"problem={kernel.problem}"] if kernel.problem else [])]
        if numbers:
            row = " ".join(f"{name}={value}" for name, value in numbers.items())
            (folder / "row.txt").write_text(f"{kernel.generator} {kernel.problem} {row}\n")
            parameters.append(f"table={folder / 'row.txt'}")
        files = ["-g", kernel.generator, "-f", kernel.name, "-n", kernel.name, "-o", folder, "-e", "object"]
        self.run([self.generate, *files, f"target={kernel.halide_target}", *parameters])
        library = folder / f"{kernel.name}.so"
        self.run([self.compiler, "-shared", "-o", library, folder / f"{kernel.name}.o"])
        return library

    def run(self, command):
        try:
            subprocess.run(
                [str(word) for word in command],
                check=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=self.COMPILE_TIMEOUT,
            )
        except subprocess.TimeoutExpired:
            raise CompileFailure("timeout", f"compiling took more than {self.COMPILE_TIMEOUT} s") from None
        except subprocess.CalledProcessError as error:
            raise CompileFailure("not compiled", error.stdout.strip()[-500:]) from None

    def prepare(self, kernels):
        """Compiles what the others call."""
        self.prepared = [self.compile(kernel, None, "prepared") for kernel in kernels]

    def start(self, kernel, library, is_first=False):
        """A process that runs the kernel of the library. Raises KernelFailure."""
        command = [self.build / "bench" / "halconv_measure_kernel", "--kernel", kernel.name, "--threads", self.threads]
        command += ["--expected", self.work / "expected" / f"{kernel.generator}__{kernel.problem}"]
        command += ["--libraries", library, *self.prepared]
        return KernelProcess(command, self.cpus, self.REFERENCE_TIMEOUT if is_first else self.READY_TIMEOUT)

    def discard(self, library):
        shutil.rmtree(library.parent, ignore_errors=True)
