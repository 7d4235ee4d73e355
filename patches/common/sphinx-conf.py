"""docs/conf.py, changed so that the manual is built without a network.

debian/rules points Sphinx here. Upstream's settings hold, but for other
projects' indices (intersphinx, fetched at build), the date of the build and
addresses in memory.
"""
import os
import re
import time

__file__ = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../docs/conf.py"))
with open(__file__) as upstream:
    exec(compile(upstream.read(), __file__, "exec"))

extensions.remove("sphinx.ext.intersphinx")
html_static_path = []
templates_path = []
today = time.strftime("%B %d, %Y", time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"])))


def drop_addresses(app, what, name, obj, options, signature, return_annotation):
    """Make "<Logger object at 0x7f0c>" in a default value the same in every build."""
    return re.sub(r" at 0x[0-9a-f]+", "", signature or "") or signature, return_annotation


def setup(app):
    """Called by Sphinx with its application object."""
    app.connect("autodoc-process-signature", drop_addresses)
