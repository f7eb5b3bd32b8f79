"""Where the emitted code and the tools are, as CMake found them."""

import pathlib
import shutil

import pytest

import kernel_files

_TOOLS = ("llvm-mca", "filecheck", "ptxas", "nvdisasm")


def pytest_addoption(parser):
    parser.addoption("--kernels", type=pathlib.Path, required=True, help="folder with one folder per target")
    for tool in _TOOLS:
        parser.addoption(f"--{tool}", default="", help=f"path of {tool}; tests that need it skip without")


def _tool(request, name):
    path = request.config.getoption(name)
    if not shutil.which(path):
        pytest.skip(f"{name} was not found")
    return path


@pytest.fixture
def llvm_mca(request):
    return _tool(request, "--llvm-mca")


@pytest.fixture
def filecheck(request):
    return _tool(request, "--filecheck")


@pytest.fixture
def ptxas(request):
    return _tool(request, "--ptxas")


@pytest.fixture
def nvdisasm(request):
    return _tool(request, "--nvdisasm")


def pytest_generate_tests(metafunc):
    """One test per kernel file, named as the kernel."""
    folder = metafunc.config.getoption("kernels")

    def parametrize(fixture, targets, suffix, wanted):
        if fixture in metafunc.fixturenames:
            files = [file for target in targets for file in kernel_files.find(folder / target, suffix) if wanted(file)]
            metafunc.parametrize(fixture, files, ids=[file.path.stem for file in files])

    parametrize("cpu_kernel", ("avx2", "avx512"), ".s", lambda file: file.problem != "generic")
    parametrize("whole_tile_cpu_kernel", ("avx2", "avx512"), ".s", lambda file: file.fills_tiles)
    parametrize("cuda_kernel", ("cuda",), ".device_code", lambda file: True)
    parametrize("whole_tile_cuda_kernel", ("cuda",), ".device_code", lambda file: file.fills_tiles)
