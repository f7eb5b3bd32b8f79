"""Every bf16 kernel for CPUs that have dot products of it, in the assembly that LLVM emitted."""

import re

from test_cpu_code import check


def test_hot_loop_is_dot_products(dot_product_kernel, filecheck):
    check(dot_product_kernel, filecheck, "BF16")
    if dot_product_kernel.problem != "generic":
        check(dot_product_kernel, filecheck, "SUMS")


def test_nothing_is_amds_alone(avx512_bf16_kernel):
    """LLVM compiles for Zen 4, which has SSE4a; Sapphire Rapids, on which the kernels run too, has not."""
    assert not re.findall(r"^\s*(?:insertq|extrq|movnts[sd])\b.*", avx512_bf16_kernel.path.read_text(), re.MULTILINE)
