"""The epilogue of fused kernels, in the assembly that LLVM emitted: in the pass that stores the sums."""

import re

import assembly
import loops


def is_clamp(instruction):
    """The lower half of a clamp of a vector."""
    return instruction.mnemonic == "vmaxps"


def is_load(instruction):
    """Of a vector, on its own or as an addend."""
    operands = instruction.operands.rstrip()
    return (instruction.mnemonic in ("vmovups", "vmovaps", "vaddps") and re.search(r"%[yz]mm", operands) is not None
            and "(" in operands and not operands.endswith(")"))


def test_sums_are_clamped_in_registers(nhwc_fused_cpu_kernel):
    """A pass of its own would load a sum and a residual for each vector; the bias, one vector for all pixels, stays."""
    bodies = [body for function in assembly.parse(nhwc_fused_cpu_kernel.path) for body in loops.bodies(function)]
    clamping = [body for body in bodies if any(map(is_clamp, body))]
    assert clamping
    for body in clamping:
        clamps, loads = sum(map(is_clamp, body)), sum(map(is_load, body))
        assert loads < 2 * clamps, f"{loads} loads for {clamps} vectors\n" + "\n".join(i.text for i in body)


def test_the_epilogue_adds_no_parallel_loop(fused_cpu_kernel):
    """Each is a function of its own."""
    plain = fused_cpu_kernel.path.with_name(fused_cpu_kernel.path.name.replace("_fused", ""))
    assert len(assembly.parse(fused_cpu_kernel.path)) == len(assembly.parse(plain))
