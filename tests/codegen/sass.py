"""CUDA kernels as ptxas assembles them: resources, and instructions as nvdisasm shows them."""

from __future__ import annotations

import ast
import operator
import pathlib
import re
import subprocess
import tempfile
from dataclasses import dataclass

from loops import Instruction

_INSTRUCTION = re.compile(r"/\*[0-9a-f]{4,6}\*/\s+(?:\{\s*)?(?:@!?U?P[0-9T]+\s+)?([A-Z][A-Z0-9_.]*)\s*([^;]*);")
_LABEL = re.compile(r"(\.L_[\w.$]+):")


@dataclass(frozen=True)
class Kernel:
    """One entry function for one architecture."""

    name: str
    registers: int  # per thread
    spilled_bytes: int  # stores and loads


@dataclass(frozen=True)
class Launch:
    """How Halide's host code launches a kernel."""

    kernel: str
    threads: int  # per block
    shared_bytes: int  # per block


def _constant(expression: str) -> int:
    """The value of an integer expression. One with variables in it fails: no launch needs to compute its block."""
    operations = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}

    def value(node: ast.AST) -> int:
        if isinstance(node, ast.Constant):
            return node.value
        assert isinstance(node, ast.BinOp) and type(node.op) in operations, f"{expression} is not constant"
        return operations[type(node.op)](value(node.left), value(node.right))

    return value(ast.parse(expression, mode="eval").body)


def launches(stmt: pathlib.Path) -> list[Launch]:
    """The launches in lowered Halide code."""
    text = stmt.read_text(errors="replace")
    found = []
    # halide_cuda_run(context, "kernel", blocks x, y, z, threads x, y, z, shared bytes, (void *)make_struct(...
    for match in re.finditer(r'halide_cuda_run\([^"\n]*"(\w+)", (.*?), \(void \*\)make_struct', text):
        *_, x, y, z, shared = match[2].split(", ")
        found.append(Launch(match[1], _constant(x) * _constant(y) * _constant(z), _constant(shared)))
    return found


def is_multiply_add(instruction: Instruction) -> bool:
    return instruction.mnemonic.split(".")[0] == "FFMA"


def _integer(pattern: str, text: str) -> int:
    match = re.search(pattern, text)
    return int(match[1]) if match else 0


def _code(nvdisasm: str, cubin: pathlib.Path) -> dict[str, list[Instruction]]:
    """The instructions of each entry function, without the padding behind them."""
    listing = subprocess.run([nvdisasm, "-c", str(cubin)], capture_output=True, text=True, check=True).stdout
    functions: dict[str, list[Instruction]] = {}
    name = None
    labels: list[str] = []
    for line in listing.splitlines():
        if match := re.match(r"\s*\.section\s+(\S+?),", line):
            name = match[1].removeprefix(".text.") if match[1].startswith(".text.") else None
        elif match := _LABEL.match(line.strip()):
            labels.append(match[1])
        elif (match := _INSTRUCTION.search(line)) and name and match[1] != "NOP":
            target = re.search(r"\((\.L_[\w.$]+)\)", match[2]) if match[1].startswith("BRA") else None
            functions.setdefault(name, []).append(
                Instruction(match[1], match[2].strip(), line.strip(), tuple(labels), target[1] if target else None))
            labels.clear()
    return functions


def read_ptx(path: pathlib.Path) -> str:
    """Halide ends the text with a NUL byte."""
    return path.read_bytes().rstrip(b"\0").decode()


def _compile(ptxas: str, ptx: pathlib.Path, architecture: str, cubin: pathlib.Path) -> str:
    """Compiles a PTX module for e.g. "sm_80"; what ptxas reports."""
    source = cubin.with_suffix(".ptx")
    source.write_text(read_ptx(ptx))
    done = subprocess.run([ptxas, "-v", f"-arch={architecture}", "-O3", str(source), "-o", str(cubin)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def assemble(ptxas: str, ptx: pathlib.Path, architecture: str) -> list[Kernel]:
    """The kernels of a PTX module."""
    with tempfile.TemporaryDirectory() as folder:
        reports = _compile(ptxas, ptx, architecture, pathlib.Path(folder, "kernels.cubin"))
    kernels = []
    for match in re.finditer(r"Compiling entry function '(\S+?)'.*?\n(.*?)(?=ptxas info\s+: Compiling|\Z)", reports,
                             re.DOTALL):
        name, report = match[1], match[2]
        kernels.append(Kernel(name, _integer(r"Used (\d+) registers", report),
                              _integer(r"(\d+) bytes spill stores", report) +
                              _integer(r"(\d+) bytes spill loads", report)))
    assert kernels, reports
    return kernels


def disassemble(ptxas: str, nvdisasm: str, ptx: pathlib.Path, architecture: str) -> dict[str, list[Instruction]]:
    """The instructions of a PTX module's kernels. nvdisasm takes three times as long as ptxas."""
    with tempfile.TemporaryDirectory() as folder:
        cubin = pathlib.Path(folder, "kernels.cubin")
        reports, code = _compile(ptxas, ptx, architecture, cubin), _code(nvdisasm, cubin)
    return {name: code[name] for name in re.findall(r"Compiling entry function '(\S+?)'", reports)}
