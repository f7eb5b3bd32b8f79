"""Where the emitted code and the tools are, as CMake found them."""

import pathlib
import shutil

import pytest

import kernel_files

_TOOLS = ("llvm-mca", "filecheck", "ptxas", "nvdisasm")


def pytest_addoption(parser):
    parser.addoption("--kernels", type=pathlib.Path, required=True, help="file with the kernels' names, one a line")
    parser.addoption("--folder", type=pathlib.Path, required=True, help="folder with a folder of files per target")
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
    """One test per kernel, named as the kernel."""
    names, folder = metafunc.config.getoption("kernels"), metafunc.config.getoption("folder")
    cpu, cuda = {"avx2": ".s", "avx512": ".s"}, {"cuda": ".device_code"}

    def parametrize(fixture, suffixes, wanted):
        if fixture in metafunc.fixturenames:
            files = list(filter(wanted, kernel_files.read_list(names, folder, suffixes)))
            metafunc.parametrize(fixture, files, ids=[file.path.stem for file in files])

    parametrize("cpu_kernel", cpu, lambda file: file.problem != "generic")
    parametrize("whole_tile_cpu_kernel", cpu, lambda file: file.fills_tiles)
    parametrize("cuda_kernel", cuda, lambda file: True)
    parametrize("whole_tile_cuda_kernel", cuda, lambda file: file.fills_tiles)
