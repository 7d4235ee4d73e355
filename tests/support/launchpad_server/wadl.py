"""The types of Launchpad's web service, by the WADL that launchpadlib ships for tests.

That WADL is of version 1.0. `_NEWER` is what only version "devel" has, by Launchpad's own code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

MEDIA_TYPE = "application/vnd.sun.wadl+xml"
_NAMESPACE = "http://research.sun.com/wadl/2006/10"
_W = f"{{{_NAMESPACE}}}"
_ROOT = "https://api.launchpad.test/1.0/"
_KINDS = (
    *("distribution", "distro_series", "distro_arch_series", "archive", "person", "gpg_key"),
    *("source_package_publishing_history", "binary_package_publishing_history", "build"),
    *("bug", "bug_task", "bug_nomination", "bug_attachment", "bug_subscription", "message"),
    *("bug_target", "distribution_source_package", "source_package", "package_upload"),
)
# What the world can carry out; a client that asks for anything else fails at once.
_OPERATIONS = (
    *("getPublishedSources", "getPackageUploads", "checkUpload"),
    *("sourceFileUrls", "getPublishedBinaries", "binaryFileUrls", "getBuilds", "retry"),
    *("addTask", "addNomination", "getNominations", "newMessage"),
    *("addAttachment", "subscribe", "canApprove", "approve"),
)
# Fields by their representation.
_NEWER = {
    "archive-full": ("permit_obsolete_series_uploads",),
    "bug-full": ("lock_status",),
    "package_upload-full": ("package_name", "package_version"),
}
_ALWAYS = ("self_link", "web_link", "resource_type_link", "http_etag")


@dataclass(frozen=True)
class Field:
    """A field by its name in JSON: whether PATCH may change it, and whether it is a link."""

    key: str
    written: bool
    link: bool


@dataclass(frozen=True)
class Type:
    """A resource type.

    `operations` are the named ones by method and name, with whether each returns a collection.
    """

    name: str
    fields: tuple[Field, ...]
    operations: Mapping[tuple[str, str], bool]


def _pruned() -> Element:
    """The document without words, and without the types that no test needs."""
    text = resources.files("launchpadlib.testing").joinpath("launchpad-wadl.xml").read_bytes()
    document = ElementTree.fromstring(text)
    kept = {"service-root", "service-root-json", "HostedFile", "ScalarValue"}
    ends = ("", "-page-resource", "-page", "-full", "-diff")
    kept |= {f"{kind}{end}" for kind in _KINDS for end in ends}
    for part in list(document):
        if part.get("id", "") not in kept and part.tag != f"{_W}resources":
            document.remove(part)
    for parent in list(document.iter()):
        parent.text = parent.tail = None
        for part in list(parent):
            fixed = [param.get("fixed") for param in part.iter(f"{_W}param") if param.get("fixed")]
            unknown = part.tag == f"{_W}method" and fixed and fixed[0] not in _OPERATIONS
            if part.tag == f"{_W}doc" or unknown:
                parent.remove(part)
    _add_newer(document)
    return document


def _add_newer(document: Element) -> None:
    forms = {str(one.get("id")): one for one in document.findall(f"{_W}representation")}
    for form, fields in _NEWER.items():
        for key in fields:
            SubElement(forms[form], f"{_W}param", style="plain", name=key, path=f"$['{key}']")
    kind = "binary_package_publishing_history"
    (binary,) = (one for one in document if one.get("id") == kind)
    method = SubElement(binary, f"{_W}method", id=f"{kind}-binaryFileUrls", name="GET")
    request = SubElement(method, f"{_W}request")
    SubElement(
        request, f"{_W}param", style="query", name="ws.op", required="true", fixed="binaryFileUrls"
    )
    SubElement(request, f"{_W}param", style="query", name="include_meta", required="false")


def _operations(resource: Element) -> Iterator[tuple[tuple[str, str], bool]]:
    for method in resource.findall(f"{_W}method"):
        returned = method.find(f"{_W}response/{_W}representation")
        pages = returned is not None and returned.get("href", "").endswith("-page")
        for param in method.iter(f"{_W}param"):
            if param.get("fixed"):
                yield (str(method.get("name")), str(param.get("fixed"))), pages


def _types(document: Element) -> Iterator[Type]:
    by_id = {str(one.get("id")): one for one in document}
    for kind in _KINDS:
        written = {param.get("name") for param in by_id[f"{kind}-diff"]}
        params = {str(param.get("name")): param for param in by_id[f"{kind}-full"]}
        fields = tuple(
            Field(key, key in written, param.find(f"{_W}link") is not None)
            for key, param in params.items()
            if key not in _ALWAYS
        )
        yield Type(kind, fields, dict(_operations(by_id[kind])))


ElementTree.register_namespace("wadl", _NAMESPACE)
_DOCUMENT = _pruned()
TYPES = {one.name: one for one in _types(_DOCUMENT)}
# The prefix stands in values only, which ElementTree does not see.
_DOCUMENT.set("xmlns:xsd", "http://www.w3.org/2001/XMLSchema")
_TEXT = ElementTree.tostring(_DOCUMENT, encoding="unicode")


def document(base: str) -> bytes:
    """The WADL for a service root at `base`, which ends in a slash."""
    return _TEXT.replace(_ROOT, base).encode()
