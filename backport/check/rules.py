"""The rules that a finding can name: what each one means, why, and where it is written."""

from __future__ import annotations

from dataclasses import dataclass

_SRU = "https://documentation.ubuntu.com/project/SRU/"
_REQUIREMENTS = _SRU + "reference/requirements/"
_TEMPLATE = _SRU + "reference/bug-template/"
_SPECIAL = _SRU + "howto/special/"
_VERSIONS = "https://documentation.ubuntu.com/project/ (version strings)"
_POLICY = "https://www.debian.org/doc/debian-policy/"


@dataclass(frozen=True)
class Rule:
    """One rule: `text` says what it asks for, why, and what to do about a finding."""

    name: str
    title: str
    text: str
    reference: str


def _rules() -> tuple[Rule, ...]:
    return (
        Rule(
            "lintian",
            "lintian reports a tag",
            "lintian looks at the source package and the binary packages for known mistakes, with "
            "a profile of the target series: its name, its debhelper's levels and its Policy are "
            "those of the recipe. A tag that the base's own source package has as well is "
            "not new. A tag that asks for something the target series does not have yet is a "
            "note: the series' own packages all have it. The tag's own text is printed by "
            "lintian-explain-tags TAG.",
            "lintian(1)",
        ),
        Rule(
            "lintian-not-run",
            "a part of lintian's check was not done",
            "Where there is no file for a check to look at, or lintian has no profile of Ubuntu, "
            "that is said and nothing is taken for checked.",
            "lintian(1)",
        ),
        Rule(
            "unexplained-change",
            "a file changed that the changelog does not speak of",
            "A reviewer of the update rejects a change that its changelog does not mention. A "
            "changed file is spoken of if a new entry names it, its kind (postinst), its folder or "
            "the binary package it belongs to; a patch is also spoken of if the entry uses two "
            "words of its name or of its description; a changed dependency if the entry names the "
            "package; the tests below debian/tests if it names tests. One item may speak of "
            "several files. Say in the recipe's changes what was changed.",
            _REQUIREMENTS,
        ),
        Rule(
            "heavy-review",
            "a reviewer has more lines to read than the recipe allows",
            "A stable release update is read line by line by somebody who may say no. The recipe's "
            "[review] says how many lines of patches, of tests inside patches, of packaging and of "
            "shipped tests one source package, or all of a series, may ask for.",
            "the recipe, [review]",
        ),
        Rule(
            "patch-without-dep3",
            "a patch lacks a part of its DEP-3 header",
            "Who reads the update has to know what a patch does, where it comes from and which "
            "bug it is for: Description or Subject; Author, From or Origin; a Launchpad bug.",
            "https://dep-team.pages.debian.net/deps/dep3/",
        ),
        Rule(
            "change-outside-debian",
            "a file outside debian/ differs from upstream's, and by no patch",
            "Everything outside debian/ comes from the orig tarball and the quilt series, so that "
            "each change has a name, a reason and an author.",
            "dpkg-source(1), Format: 3.0 (quilt)",
        ),
        Rule(
            "toolchain-unknown",
            "not checked: the series' version of a tool is not known",
            "The toolchain ceiling compares what the packaging uses with the tools of the series. "
            "Where the recipe does not know a tool's version in a series, what needs that tool "
            "was not checked. Fill the version in under [series.NAME.toolchain].",
            "the recipe, [series.NAME.toolchain]",
        ),
        Rule(
            "newer-debhelper-level",
            "a debhelper compatibility level that the series' debhelper does not have",
            "debhelper stops the build at a level that it does not know. A level that it knows "
            "but calls experimental is not for use in a release.",
            "debhelper(7), COMPATIBILITY LEVELS",
        ),
        Rule(
            "newer-debhelper-sequence",
            "a dh sequence or way to name it that the series does not have",
            "dh stops with an error where a sequence (dh --with NAME, or a build-dependency on "
            "dh-sequence-NAME) is not there; older ones do not read such build-dependencies.",
            "dh(1), debhelper(7)",
        ),
        Rule(
            "newer-debhelper-command",
            "a debhelper program, its option, or a kind of target that the series does not have",
            "debian/rules that names a program which is not there ends in an error; a target that "
            "overrides an unknown one, or is of an unknown kind, is never run, which is worse.",
            "debhelper(7), dh(1)",
        ),
        Rule(
            "newer-build-dependency",
            "a relation asks for a newer tool than the series has",
            "A build-dependency with a version above the series' own cannot be met, and the build "
            "does not begin.",
            _POLICY + "ch-relationships.html",
        ),
        Rule(
            "newer-substvar",
            "a substitution variable that the series' tools do not set",
            "An unknown variable is empty in the package: a relation is silently lost.",
            "deb-substvars(5)",
        ),
        Rule(
            "newer-unit-directive",
            "a systemd unit uses what the series' systemd does not know",
            "systemd ignores an unknown directive with a warning in the journal: the sandbox, "
            "limit or schedule that the unit asks for is not there.",
            "systemd.directives(7), systemd's NEWS",
        ),
        Rule(
            "newer-dpkg-field",
            "a field of debian/control that the series' dpkg does not know",
            "dpkg-source and dpkg-gencontrol warn about an unknown field, or leave its meaning "
            "out of account.",
            "deb-src-control(5)",
        ),
        Rule(
            "newer-compression",
            "a compression that the series' dpkg cannot read",
            "Neither the build machine nor the user's machine can unpack such a package.",
            "deb(5), dpkg-source(1)",
        ),
        Rule(
            "newer-python-syntax",
            "Python code that the series' Python cannot read",
            "A file that cannot be compiled makes the package's configuration fail, or the import "
            "of the module.",
            "Python's documentation, What's New",
        ),
        Rule(
            "newer-python-module",
            "a module or name that the series' Python does not have",
            "The import fails on the user's machine. An import below try: with an except for it "
            "is not counted, since the code has another way.",
            "Python's documentation, library reference",
        ),
        Rule(
            "newer-maintainer-script",
            "a maintainer script uses what the series' tools do not have",
            "A maintainer script that fails leaves the user's package half installed.",
            "dpkg-maintscript-helper(1), deb-systemd-helper(1p), deb-systemd-invoke(1p)",
        ),
        Rule(
            "newer-apt",
            "a script or test uses what the series' apt does not have",
            "apt ends with an error at an option that it does not know.",
            "apt(8), apt-get(8)",
        ),
        Rule(
            "newer-policy",
            "Standards-Version names a Policy that is newer than the series'",
            "That is no fault of the package, but what the packaging relies on may not hold in "
            "the series: read the Policy's upgrading checklist between the two versions.",
            _POLICY + "upgrading-checklist.html",
        ),
        Rule(
            "not-parsed",
            "a file could not be read as what it is",
            "What cannot be read cannot be checked; it is said rather than passed over.",
            "docs/checks.md",
        ),
        Rule(
            "program-not-installed",
            "a unit, cron file or maintainer script runs a program that is not there",
            "A unit that starts a missing program fails, a cron job does nothing, a maintainer "
            "script leaves its package half installed. The program has to be in the package that "
            "names it or in one that this needs: by Pre-Depends or Depends, over any number of "
            "steps, or as a package that every system has (Essential, or of the priority "
            "required). A program of another package of the update is a warning, and so is one "
            "where the base lacks a dependency to look into; one that the file tests for before "
            "it runs it (test -x, command -v, Condition...=, a - before it in a unit) is a note.",
            "systemd.service(5), crontab(5), Debian Policy 7.2",
        ),
        Rule(
            "overlay-without-effect",
            "a file of the overlay has no effect in the binary packages",
            "debhelper reads debian/PACKAGE.install and its like only where debian/rules lets it, "
            "and says nothing of a file that no program reads. What a list names has to be in the "
            "package, a maintainer script has to hold the overlay's lines, and any other file has "
            "to be in a package, or named by debian/rules where it is for the build.",
            "debhelper(7)",
        ),
        Rule(
            "not-reproducible",
            "two builds of the same source differ",
            "Built again under another path, time, locale, time zone, user and umask, the packages "
            "have to be the same, byte for byte: else nobody can prove that what is tested is what "
            "was published. diffoscope's answer says where they differ.",
            "https://reproducible-builds.org/docs/",
        ),
        Rule(
            "install-fails",
            "a package of the update cannot be installed",
            "Each binary package has to install in a clean testbed of the series.",
            _POLICY + "ch-maintainerscripts.html",
        ),
        Rule(
            "upgrade-fails",
            "the upgrade from the archive's version fails",
            "A user has the archive's version: the upgrade from there has to work, and to end with "
            "the update's version.",
            _POLICY + "ch-maintainerscripts.html",
        ),
        Rule(
            "remove-fails",
            "a package of the update cannot be removed or purged",
            "Remove and purge have to work, each on its own: a script that fails leaves a package "
            "that the user cannot get rid of.",
            _POLICY + "ch-maintainerscripts.html",
        ),
        Rule(
            "purge-leaves-files",
            "files stay behind after the purge",
            "What a package or its scripts made, purge takes away. What the base left behind as "
            "well is said, but is not new.",
            _POLICY + "ch-maintainerscripts.html#details-of-removal-and-or-configuration-purging",
        ),
        Rule(
            "no-older-version",
            "no older version at hand to upgrade from",
            "The upgrade can only be tried from a version that is there: the archive's on the base "
            "ubuntu, or one that the recipe builds as [test-source.NAME]. Without one it was not "
            "checked, which is not the same as passed.",
            "docs/checks.md",
        ),
        Rule(
            "bug-reference",
            "a changelog entry, or the .changes, refers to no Launchpad bug",
            "Every entry of the update has at least one LP: #N, and the .changes has the field "
            "Launchpad-Bugs-Fixed; without it Launchpad does not find the bug to comment on.",
            _REQUIREMENTS,
        ),
        Rule(
            "bug-template",
            "the recipe's text for the bug lacks a part of the SRU template",
            "The SRU team works from the bug's description: impact, test plan, where problems "
            "could occur. 'None' or 'low' is no answer to the last one.",
            _TEMPLATE,
        ),
        Rule(
            "version-form",
            "the version is not of the form for an update of this series",
            "It has to sort above the series' version and below that of every later series: "
            "ubuntuX.N for a change (X stays, 0 where there was none), ubuntuX.YY.MM.N where "
            "several series start from the same version, V~ubuntuYY.MM.N for a backport of "
            "Debian's V without a change, V~YY.MM.N of Ubuntu's. N counts on from every version "
            "seen. One that ends in ~standin1 is for testing only.",
            _VERSIONS,
        ),
        Rule(
            "changelog-series",
            "the changelog's newest entry is for another series",
            "Launchpad takes the target from the changelog; a reviewer rejects the wrong one.",
            _REQUIREMENTS,
        ),
        Rule(
            "later-series",
            "a later series of the recipe does not get the fix",
            "Who upgrades to the next series must not lose the fix: it has to be in all later "
            "supported series first.",
            _REQUIREMENTS,
        ),
        Rule(
            "unrelated-change",
            "the update has a change of the base that this recipe does not ask for",
            "An update holds what its bug needs and nothing else. What differs from the pinned "
            "base without being one of the recipe's patches, control edits, tests or its changelog "
            "entry is unrelated.",
            _REQUIREMENTS,
        ),
        Rule(
            "new-source",
            "the source package is new in the series",
            "A new source package in a stable series goes through the NEW queue: an archive admin "
            "has to approve it beside the SRU team. Agree with both on the bug first.",
            _SPECIAL,
        ),
        Rule(
            "new-binary",
            "a binary package is new in the series",
            "A new binary package in a stable series goes through the NEW queue: an archive admin "
            "has to approve it beside the SRU team.",
            _SPECIAL,
        ),
        Rule(
            "new-dependency",
            "a package needs another one that it did not need before",
            "A new dependency is installed on every user's machine, and may be in another "
            "component of the archive: call it out on the bug and ask the SRU team.",
            _REQUIREMENTS,
        ),
        Rule(
            "sru-not-checked",
            "a rule of the SRU process could not be checked here",
            "Where the recipe does not hold what the rule asks about, that is said.",
            "docs/checks.md",
        ),
    )


RULES: dict[str, Rule] = {rule.name: rule for rule in _rules()}


def explain(name: str) -> str:
    """The text that `backport explain RULE` prints (KeyError where there is no such rule)."""
    rule = RULES[name]
    return f"{rule.name}: {rule.title}.\n\n{rule.text}\n\nWritten in: {rule.reference}"
