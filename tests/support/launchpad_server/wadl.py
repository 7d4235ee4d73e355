"""The WADL document of the table, in the shape of Launchpad's."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from .table import TYPES, Field, Operation, Type

MEDIA_TYPE = "application/vnd.sun.wadl+xml"

_HEAD = """<?xml version="1.0"?>
<wadl:application xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xmlns="http://research.sun.com/wadl/2006/10" xmlns:xsd="http://www.w3.org/2001/XMLSchema"
  xmlns:wadl="http://research.sun.com/wadl/2006/10">
<wadl:doc title="About this service">A stand-in for Launchpad's web service, for tests.</wadl:doc>
<wadl:resources base={base}><wadl:resource path="" type="#service-root"/></wadl:resources>
"""

_SCALAR = """<wadl:resource_type id="ScalarValue"><wadl:method name="GET" id="ScalarValue-get">
<wadl:response><wadl:representation mediaType="application/json"/></wadl:response>
</wadl:method></wadl:resource_type>
<wadl:resource_type id="HostedFile"><wadl:method name="GET" id="HostedFile-get">
<wadl:response><wadl:representation/></wadl:response></wadl:method></wadl:resource_type>"""


def document(base: str) -> bytes:
    """The document for a service root at `base`, which ends in a slash."""
    parts = [_HEAD.format(base=quoteattr(base)), _SCALAR, *_root(base)]
    for one in TYPES:
        if one.collection:
            parts.append(_collection(one, base))
        parts += _type(one, base)
    parts.append("</wadl:application>\n")
    return "\n".join(parts).encode()


def _root(base: str) -> Iterator[str]:
    yield (
        '<wadl:resource_type id="service-root"><wadl:method name="GET" id="service-root-get">'
        '<wadl:response><wadl:representation href="#service-root-json"/>'
        f'<wadl:representation mediaType="{MEDIA_TYPE}" id="service-root-wadl"/>'
        "</wadl:response></wadl:method></wadl:resource_type>"
    )
    yield '<wadl:representation mediaType="application/json" id="service-root-json">'
    for one in TYPES:
        if one.collection:
            yield _plain(f"{one.collection}_collection_link", f"{base}#{one.collection}")
    yield _plain("me_link", f"{base}#person")
    yield _plain("resource_type_link", "")
    yield "</wadl:representation>"


def _plain(key: str, link: str | None = None, *, kind: str = "", inner: str = "") -> str:
    """A parameter of a representation; `link` "" is a link to no described type."""
    if link is not None:
        inner = f"<wadl:link resource_type={quoteattr(link)}/>" if link else "<wadl:link/>"
    return (
        f'<wadl:param style="plain" name={quoteattr(key)} path="$[\'{key}\']"'
        f"{kind and f' type={quoteattr(kind)}'}>{inner}</wadl:param>"
    )


def _link(field: Field, base: str) -> str | None:
    if not field.target:
        return None
    return f"{base}#{field.target}" + ("-page-resource" if field.many else "")


def _kind(field: Field) -> str:
    return {"datetime": "xsd:dateTime", "binary": "binary"}.get(field.kind, "")


def _options(field: Field) -> str:
    return "".join(f"<wadl:option value={quoteattr(one)}/>" for one in field.options)


def _type(one: Type, base: str) -> Iterator[str]:
    full, diff = f"{base}#{one.name}-full", f"{base}#{one.name}-diff"
    yield f'<wadl:resource_type id="{one.name}">'
    yield (
        f'<wadl:method name="GET" id="{one.name}-get"><wadl:response>'
        f'<wadl:representation href="{full}"/>'
        f'<wadl:representation mediaType="{MEDIA_TYPE}" id="{one.name}-wadl"/>'
        "</wadl:response></wadl:method>"
    )
    for verb, href in (("PUT", full), ("PATCH", diff)):
        yield (
            f'<wadl:method name="{verb}" id="{one.name}-{verb.lower()}"><wadl:request>'
            f'<wadl:representation href="{href}"/></wadl:request></wadl:method>'
        )
    for operation in one.operations:
        yield _operation(one, operation, base)
    yield "</wadl:resource_type>"
    for suffix, chosen in (("full", one.fields), ("diff", [f for f in one.fields if f.marked])):
        yield f'<wadl:representation mediaType="application/json" id="{one.name}-{suffix}">'
        if suffix == "full":
            yield _plain("self_link", f"{base}#{one.name}")
            yield _plain("resource_type_link", "")
            yield _plain("http_etag")
            if one.web:
                yield _plain("web_link")
        for field in chosen:
            yield _plain(field.key, _link(field, base), kind=_kind(field), inner=_options(field))
        yield "</wadl:representation>"
    yield _page(one, base)


def _page(one: Type, base: str) -> str:
    resource = f"#{one.name}-page-resource"
    return (
        f'<wadl:resource_type id="{one.name}-page-resource">'
        f'<wadl:method name="GET" id="{one.name}-page-resource-get"><wadl:response>'
        f'<wadl:representation href="#{one.name}-page"/></wadl:response></wadl:method>'
        "</wadl:resource_type>"
        f'<wadl:representation mediaType="application/json" id="{one.name}-page">'
        + _plain("resource_type_link", "")
        + _plain("total_size")
        + _plain("total_size_link", f"{base}#ScalarValue")
        + _plain("start")
        + _plain("next_collection_link", resource)
        + _plain("prev_collection_link", resource)
        + _plain("entries")
        + "</wadl:representation>"
    )


def _collection(one: Type, base: str) -> str:
    return (
        f'<wadl:resource_type id="{one.collection}">'
        f'<wadl:method name="GET" id="{one.collection}-get"><wadl:response>'
        f'<wadl:representation href="{base}#{one.name}-page"/>'
        "</wadl:response></wadl:method></wadl:resource_type>"
    )


def _operation(one: Type, operation: Operation, base: str) -> str:
    fixed = quoteattr(operation.name)
    params = [f'<wadl:param style="query" name="ws.op" required="true" fixed={fixed}/>']
    for param in operation.params:
        kind = _kind(param)
        link = f'<wadl:link resource_type="{base}#{param.target}"/>' if param.target else ""
        params.append(
            f'<wadl:param style="query" name="{param.name}"'
            f' required="{str(param.marked).lower()}"{kind and f" type={quoteattr(kind)}"}>'
            f"{link}{_options(param)}</wadl:param>"
        )
    request = "".join(params)
    response = ""
    if operation.method == "POST":
        form = "application/x-www-form-urlencoded"
        if any(param.kind == "binary" for param in operation.params):
            form = "multipart/form-data"
        request = f'<wadl:representation mediaType="{form}">{request}</wadl:representation>'
        if operation.returns:
            response = (
                '<wadl:response><wadl:param name="Location" style="header">'
                f'<wadl:link resource_type="{base}#{operation.returns}"/></wadl:param>'
                "</wadl:response>"
            )
    elif operation.returns:
        name = operation.returns.strip("[]")
        suffix = "page" if operation.returns.startswith("[") else "full"
        response = (
            f'<wadl:response><wadl:representation href="{base}#{name}-{suffix}"/></wadl:response>'
        )
    return (
        f'<wadl:method id="{one.name}-{escape(operation.name)}" name="{operation.method}">'
        f"<wadl:request>{request}</wadl:request>{response}</wadl:method>"
    )
