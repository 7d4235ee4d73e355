"""The command `risk`: how often two renewals meet, and what helps."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from backport.commands import common
from backport.commands.common import Subparsers
from backport.engine.store import Store
from backport.errors import InputError, StepError, UsageError
from backport.recipe.model import Recipe
from study import admins, assessment, campaign, field, measured, plot, plugins, remedies, text
from study import recipe as recipes
from study.model import Renewal

_SOURCE = "python-certbot"
_SEED = 1640978


def register(subs: Subparsers) -> None:
    """Add the command."""
    sub = common.add(subs, "risk", risk, "say how often two renewals meet, and what helps")
    sub.add_argument(
        "--cron",
        type=Path,
        metavar="FILE",
        help="read the package's cron job in this file (default: the packaging's)",
    )
    sub.add_argument(
        "--timer",
        type=Path,
        metavar="FILE",
        help="read the package's timer in this file (default: the packaging's)",
    )
    sub.add_argument(
        "--admin",
        default="",
        metavar="LINE",
        help="look at this crontab line of an administrator too (default: none)",
    )
    sub.add_argument(
        "--hours",
        type=Path,
        metavar="FILE",
        help="read the times of other jobs in this file (default: study/admin_hours.toml)",
    )
    sub.add_argument(
        "--length",
        type=_positive,
        metavar="S",
        help="a renewal takes so many seconds (default: as measured)",
    )
    sub.add_argument(
        "--window",
        type=_positive,
        metavar="S",
        help="it writes for so many seconds (default: as measured)",
    )
    sub.add_argument(
        "--jitter",
        type=_positive,
        default=1.0,
        metavar="S",
        help="the write begins within so many seconds (default: %(default)s)",
    )
    sub.add_argument(
        "--lineages",
        type=_count,
        default=1,
        metavar="N",
        help="so many certificates are due at once (default: %(default)s)",
    )
    sub.add_argument(
        "--fleet",
        type=_count,
        default=1_000_000,
        metavar="N",
        help="there are so many systems (default: %(default)s)",
    )
    sub.add_argument(
        "--share",
        type=_share,
        default=0.1,
        metavar="X",
        help="this share of them has two jobs (default: %(default)s)",
    )
    sub.add_argument(
        "--trials",
        type=_trials,
        default=4000,
        metavar="N",
        help="simulate so many renewals (default: %(default)s)",
    )
    sub.add_argument(
        "--seed",
        type=int,
        default=_SEED,
        metavar="N",
        help="the seed of the simulation (default: %(default)s)",
    )


def risk(args: argparse.Namespace) -> int:
    """Print the assessment, and write it and its plots below the work folder."""
    if (args.length is None) != (args.window is None):
        raise UsageError(
            "a length and a window belong together", where="--length, --window", advice="give both"
        )
    given = None
    if args.length is not None:
        given = Renewal(args.length, args.window, args.jitter, args.lineages)
    recipe = recipes.load(args.recipe)
    work = common.work_folder(args, recipe)
    known = admins.load(args.hours) if args.hours else admins.load()
    if missing := {"same", "uniform"} - {one.name for one in known}:
        raise UsageError(
            f"the distributions lack {', '.join(sorted(missing))}",
            where="--hours",
            advice="upstream's figures are about these two",
        )
    if args.admin:
        known = (*known, admins.single(args.admin))
    found = remedies.remedies(
        _packaged(recipe, args.cron, "certbot.cron.d"),
        _packaged(recipe, args.timer, "certbot.timer"),
        known,
    )
    series = recipe.series[0].name
    tested = campaign.total(campaign.load(field.folder(Store(work), series, "")), "")
    result = assessment.assess(
        found,
        known,
        measured.load(work),
        fleet=assessment.Fleet(args.fleet, args.share),
        lineages=args.lineages,
        given=given,
        trials=args.trials,
        seed=args.seed,
        locked_trials=tested.trials if not tested.failed else 0,
    )
    studies = plugins.load(work)
    data = {
        **assessment.as_json(result),
        "campaign": campaign.as_json(tested),
        "plugins": plugins.as_json(studies),
    }
    more = [*campaign.lines(tested), *plugins.lines(studies)]
    plots = {
        "remedies.svg": plot.remedies_svg(result.cases[0]),
        **{
            f"remedies-{number}.svg": plot.remedies_svg(case)
            for number, case in enumerate(result.cases[1:], 1)
        },
        **{
            f"curve-{one.variant}-{one.disk.replace(' ', '-')}-{one.sleep.split()[0]}.svg": (
                plot.curve_svg(one)
            )
            for one in result.measured
        },
    }
    data["plots"] = sorted(plots)
    files = {
        "risk.json": json.dumps(data, indent=1) + "\n",
        "risk.txt": text.as_text(result) + "\n".join(more) + "\n",
        "risk.md": text.as_markdown(result) + "\n\n".join(more) + "\n",
        **plots,
    }
    for name, content in files.items():
        _write(work / "risk" / name, content)
    if args.json:
        print(json.dumps({"event": "risk", **data}))
    elif not args.quiet:
        print(files["risk.txt"], end="")
        print(f"Written to {work / 'risk'}.")
    if not result.sound:
        raise StepError(
            "the model does not stand: a figure of upstream is not reproduced, or the simulation "
            "does not agree with the closed form",
            where=str(work / "risk" / "risk.json"),
        )
    return 0


def _packaged(recipe: Recipe, given: Path | None, name: str) -> str:
    """The text of one of the package's files: the given one, else that of our packaging."""
    path = given
    if path is None:
        sources = {one.name: one for one in recipe.sources}
        if _SOURCE not in sources:
            raise UsageError(
                f"the recipe has no source {_SOURCE}", advice="give the files with --cron, --timer"
            )
        path = sources[_SOURCE].patches / "debian" / name
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from error


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_text(text, encoding="utf-8")
    scratch.rename(path)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 3600:
        raise ValueError
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 10**10:
        raise ValueError
    return value


def _trials(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 10**7:
        raise ValueError
    return value


# argparse names them when it refuses a value.
_positive.__name__ = "number of seconds up to 3600"
_share.__name__ = "share from 0 to 1"
_count.__name__ = "number from 1 on"
_trials.__name__ = "number of trials"
