"""The build whose measuring program is tested."""

from pathlib import Path

import pytest


def pytest_addoption(parser):
    parser.addoption("--build", type=Path, required=True)


@pytest.fixture
def build(request):
    return request.config.getoption("--build")
