"""What the tests on other systems share with the end-to-end tests: a line to the terminal."""

from tests.e2e.conftest import say

__all__ = ["say"]
