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


def bodies(code: list[Instruction]) -> list[list[Instruction]]:
    """What each loop holds of its own, without the loops nested in it."""
    loops = _loops(code)

    def own(loop: range) -> list[Instruction]:
        nested = [other for other in loops if other != loop and other[0] in loop and other[-1] in loop]
        return [code[i] for i in loop if not any(i in other for other in nested)]

    return [own(loop) for loop in loops]


def hot_loop(code: list[Instruction], is_multiply_add: Callable[[Instruction], bool]) -> list[Instruction]:
    """The loop with the most multiply-adds of its own, without the loops nested in it; all of `code` if none has any."""

    def multiply_adds(body: list[Instruction]) -> int:
        return sum(map(is_multiply_add, body))

    hottest = max(bodies(code), key=multiply_adds, default=code)
    return hottest if multiply_adds(hottest) > 0 else code


def densest_loop(code: list[Instruction], is_multiply_add: Callable[[Instruction], bool],
                 least: int) -> list[Instruction]:
    """The loop, of those with at least `least` multiply-adds of their own, that holds the fewest instructions for each;
    nothing if there is none."""
    counts = [(sum(map(is_multiply_add, body)), body) for body in bodies(code)]
    return max(((count / len(body), body) for count, body in counts if count >= least), default=(0, []),
               key=lambda density: density[0])[1]
