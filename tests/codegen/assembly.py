"""The assembly that LLVM emits for x86 (AT&T syntax), and what LLVM's tools say of it."""

from __future__ import annotations

import pathlib
import re
import subprocess

from loops import Instruction

_LABEL = re.compile(r"^([.\w$]+):")
_INSTRUCTION = re.compile(r"^\t([a-z]\w*)(?:[ \t]+([^#\n]*))?")


def parse(path: pathlib.Path) -> list[list[Instruction]]:
    """The functions of an assembly file."""
    functions: list[list[Instruction]] = []
    labels: list[str] = []
    for line in path.read_text().splitlines():
        if match := _LABEL.match(line):
            labels.append(match[1])
            if not match[1].startswith(".L"):
                functions.append([])
        elif (match := _INSTRUCTION.match(line)) and functions:
            mnemonic, operands = match[1], (match[2] or "").strip()
            target = operands if mnemonic.startswith("j") else None
            functions[-1].append(Instruction(mnemonic, operands, line, tuple(labels), target))
            labels.clear()
    return functions


def is_multiply_add(instruction: Instruction) -> bool:
    """Of whole vectors of floats, or of pairs of bf16."""
    return re.match(r"(vfmadd\d+|vdpbf16)ps$", instruction.mnemonic) is not None


def filecheck(filecheck_tool: str, checks: pathlib.Path, prefix: str, text: str) -> str:
    """What FileCheck says against `text`; nothing if it passes."""
    done = subprocess.run([filecheck_tool, str(checks), f"--check-prefix={prefix}", "--dump-input=fail"],
                          input=text, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr


def cycles_per_iteration(llvm_mca: str, cpu: str, loop: list[Instruction]) -> float:
    """llvm-mca's prediction for `cpu`, everything in the first-level cache."""
    iterations = 1000
    text = "".join("".join(f"{label}:\n" for label in line.labels) + line.text + "\n" for line in loop)
    done = subprocess.run([llvm_mca, f"-mcpu={cpu}", f"-iterations={iterations}", "-mtriple=x86_64-linux-gnu"],
                          input=text, capture_output=True, text=True, check=True)
    match = re.search(r"Total Cycles:\s+(\d+)", done.stdout)
    assert match, done.stdout
    return int(match[1]) / iterations
