"""The tests of testbeds have the same real systems as those of builds."""

from tests.build.conftest import base

__all__ = ["base"]
