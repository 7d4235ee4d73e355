"""docs/conf.py, changed so that the manual is built without a network.

debian/rules points Sphinx here. Upstream's settings hold, but for other
projects' indices (intersphinx, fetched at build), images on other hosts (fetched
when the manual is read), the date of the build and addresses in memory.
"""
import os
import re
import time

from docutils import nodes

__file__ = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../docs/conf.py"))
with open(__file__) as upstream:
    exec(compile(upstream.read(), __file__, "exec"))

extensions.remove("sphinx.ext.intersphinx")
html_static_path = []
templates_path = []
today = time.strftime("%B %d, %Y", time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"])))


def replace_remote_images(app, doctree):
    """Put an image's text in its place, if the image is on another host."""
    for image in list(doctree.traverse(nodes.image)):
        if "://" in image["uri"]:
            text = nodes.Text(image.get("alt", ""))
            inline = isinstance(image.parent, nodes.TextElement)
            image.replace_self(text if inline else nodes.paragraph("", "", text))


def drop_addresses(app, what, name, obj, options, signature, return_annotation):
    """Make "<Logger object at 0x7f0c>" in a default value the same in every build."""
    return re.sub(r" at 0x[0-9a-f]+", "", signature or "") or signature, return_annotation


def setup(app):
    """Called by Sphinx with its application object."""
    app.connect("doctree-read", replace_remote_images)
    app.connect("autodoc-process-signature", drop_addresses)
