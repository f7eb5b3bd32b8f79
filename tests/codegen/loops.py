"""Loops in machine code, and the one in which the time goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Instruction:
    mnemonic: str
    operands: str
    text: str  # the whole line, comments included
    labels: tuple[str, ...] = ()  # of this instruction
    jumps_to: str | None = None


def _loops(code: list[Instruction]) -> list[range]:
    """The index range of each loop: from a label to the last jump back to it."""
    position = {label: i for i, instruction in enumerate(code) for label in instruction.labels}
    last_jump: dict[int, int] = {}
    for i, instruction in enumerate(code):
        header = position.get(instruction.jumps_to)
        if header is not None and header < i:
            last_jump[header] = i
    return [range(header, end + 1) for header, end in last_jump.items()]


def hot_loop(code: list[Instruction], is_multiply_add: Callable[[Instruction], bool]) -> list[Instruction]:
    """The loop with the most multiply-adds of its own, without the loops nested in it; all of `code` if none has any."""

    def own(loop: range, loops: list[range]) -> list[Instruction]:
        nested = [other for other in loops if other != loop and other[0] in loop and other[-1] in loop]
        return [code[i] for i in loop if not any(i in other for other in nested)]

    def multiply_adds(body: list[Instruction]) -> int:
        return sum(map(is_multiply_add, body))

    loops = _loops(code)
    hottest = max((own(loop, loops) for loop in loops), key=multiply_adds, default=code)
    return hottest if multiply_adds(hottest) > 0 else code
