"""A stand-in for Launchpad on 127.0.0.1, for tests: real HTTP, its own WADL, its own world.

It is not Launchpad and holds no data of Launchpad's. What it speaks is modelled on Launchpad's
web service ("devel"): the WADL document, entries with ETags, paged collections, named
operations, PATCH with If-Match, files behind a redirect.
"""

from .handler import Fault
from .server import StandIn
from .world import Created, Entry, World

__all__ = ["Created", "Entry", "Fault", "StandIn", "World"]
