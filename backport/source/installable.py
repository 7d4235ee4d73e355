"""Whether the binary packages of a source package can be installed beside what they depend on."""

from __future__ import annotations

from backport.errors import InputError
from backport.source.relations import Relation, groups
from backport.source.text import control_paragraphs


def check(control: str, version: str, source: str) -> None:
    """Refuse a binary package that another one of the same source excludes and that depends on it.

    Breaks and Conflicts exclude a package (Debian Policy 7.3, 7.4) where their range has the
    version being built. The dependency may lead through others of the source's packages.

    Parameters:
        control: the text of debian/control.
        version: the version being built.
        source: the source package's name.

    Raises:
        InputError: there is such a package; the advice is the control edit to write.
    """
    upstream = version.rpartition("-")[0] or version  # with its epoch, see deb-substvars(5)
    variables = {"source:Version": version, "binary:Version": version}
    variables["source:Upstream-Version"] = upstream
    packages = {
        paragraph["Package"]: paragraph
        for paragraph in control_paragraphs(control)
        if "Package" in paragraph
    }

    def relations(name: str, *fields: str) -> list[list[Relation]]:
        values = (packages[name].get(field, "") for field in fields)
        return [group for value in values for group in groups(value, variables)]

    for package in packages:
        needed = [package]
        for name in needed:
            # Of several alternatives another one may be installed.
            depends = relations(name, "Pre-Depends", "Depends")
            direct = [group[0].name for group in depends if not group[1:]]
            needed += [one for one in direct if one in packages and one not in needed]
        names = {package, *(one.name for group in relations(package, "Provides") for one in group)}
        for other in needed[1:]:
            for field in ("Breaks", "Conflicts"):
                for excluded in (one for group in relations(other, field) for one in group):
                    # A version in a relation asks for the package itself.
                    meant = {package} if excluded.operator else names
                    if excluded.name in meant and excluded.holds_for(version):
                        raise InputError(
                            f"{package} {version} can never be installed: it depends on {other}, "
                            f"which has {field}: {excluded}",
                            where=f"debian/control of {source}",
                            advice=f"write into the recipe's [[source.{source}.control]]: "
                            f'paragraph = "{other}", field = "{field}", '
                            f'replace = {{ "{excluded}" = "{excluded.name} (<< {upstream}~)" }}',
                        )
