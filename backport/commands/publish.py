"""The commands that bring the update to Launchpad's PPA: upload."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from functools import partial

from backport.commands import common, waiting
from backport.commands.common import Subparsers
from backport.engine.store import Store
from backport.errors import UsageError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.api.environment import poll_seconds
from backport.launchpad.archive.publication import PpaName
from backport.launchpad.archive.publications import Records, archive_versions
from backport.launchpad.builds.states import SourceVersion
from backport.launchpad.upload import checks, dput, gather
from backport.launchpad.upload import ppa as ppas
from backport.launchpad.upload import send as uploading
from backport.launchpad.upload.checks import UploadPlan
from backport.launchpad.upload.dput import Server
from backport.launchpad.upload.ppa import Ppa
from backport.recipe import reader, versions
from backport.recipe.model import Recipe
from backport.run import upgrade_order


def register(subs: Subparsers) -> None:
    """Add the commands of this group."""
    sub = common.add(subs, "upload", upload, "sign the source packages and send them to the PPA")
    common.select(sub)
    sub.add_argument("--dry-run", action="store_true", help="show the plan; sign and send nothing")
    text, without = "sign with this gpg key", "the recipe's, else the maintainer's"
    common.value(sub, "--key", text, without, default="", metavar="KEY")
    common.value(sub, "--method", "upload by this protocol", choices=("ftp", "sftp"), default="ftp")
    text = "upload though a build or test has not passed, for this reason"
    common.value(sub, "--force", text, "refused", default="", metavar="REASON")
    text = "take the next number, since a mail said that this upload was rejected"
    common.value(sub, "--rejected", text, "none", **common.SEVERAL, metavar="SERIES/SOURCE")
    waiting.add_minutes(sub)
    sub.add_argument("--ask", action="store_true", help="show the plan and ask before it is sent")
    sub.add_argument("--wait", action="store_true", help="follow the builds then, as wait does")


def upload(args: argparse.Namespace) -> int:
    """Plan, check, sign and send; the next call goes on from where this one ended."""
    recipe = reader.load(args.recipe, outside=args.outside)
    common.selection(args, recipe)
    common.bug_number(recipe)
    name = ppas.parse_name(recipe.ppa, where=f"{recipe.path.name}: update.ppa")
    seconds = waiting.longest(args)
    if args.ask and not args.dry_run:
        common.require_somebody("--ask", "leave it out to upload at once")
    store = Store(common.work_folder(args, recipe))
    with closing(LaunchpadlibClient(args.cache / "launchpad", login=True)) as client:
        server = dput.server(client.root, args.method)
        with store.locked():
            plan, there = _upload(
                args, recipe, store, client=client, name=name, server=server, longest=seconds
            )
    if args.wait and there:
        # A series that was asked for by name and cannot be had is told after the others are done.
        waited = waiting.wait(args, there)
        return plan.exit_code or waited
    return plan.exit_code


def _upload(
    args: argparse.Namespace,
    recipe: Recipe,
    store: Store,
    *,
    client: LaunchpadlibClient,
    name: PpaName,
    server: Server,
    longest: float,
) -> tuple[UploadPlan, list[SourceVersion]]:
    """Plan and send; returns the plan, and what the PPA then has.

    None are returned where nothing was to be done: a dry run, a refusal, the answer no.
    """
    for upload in args.rejected:
        if not uploading.mark_rejected(store.work, str(name), client.root, upload):
            raise UsageError(f"no upload {upload!r} waits for an answer", where="--rejected")
    ppa = Ppa(client, name)
    account = ppa.account()
    ppa.check_clock()
    ppa.check()
    # A kept answer is not good enough for an upload.
    records = Records(args.cache, client, fresh=True)
    archive = archive_versions(recipe, records, work=store.work)
    upgrade_order.check_upgrades(recipe, archive)
    recipe = versions.with_chosen(recipe, archive)
    series = tuple(args.series) or tuple(one.name for one in recipe.series)
    needed = recipe.with_needs(tuple(args.source) or tuple(one.name for one in recipe.sources))
    sources = tuple(source.name for source in recipe.sources if source.name in needed)
    maintainers = f"<{recipe.maintainer.rpartition('<')[2].rstrip('>')}>"
    key, key_trouble = gather.signer(args.key or recipe.key or maintainers, account)
    gatherer = gather.Gatherer(
        recipe=recipe,
        store=store,
        client=client,
        ppa=ppa,
        records=records,
        archive=archive,
        tested=gather.still_passed(recipe, store, series),
        key_trouble=key_trouble,
        asked_series=tuple(args.series),
        forced=args.force,
    )
    candidates = gatherer.candidates(checks.order(recipe, series, sources))
    plan = checks.UploadPlan(
        ppa=str(name),
        server=str(server),
        account=account.name,
        signer=key.fingerprint if key else "",
        base=gatherer.tested.base,
        items=checks.blocked(tuple(map(checks.item_of, candidates.values()))),
    )
    _show(plan, args)
    if args.dry_run or plan.refused:
        return plan, []
    there = [
        SourceVersion(item.source, item.series, item.version)
        for item in plan.items
        if item.action != checks.SKIP
    ]
    if not plan.to_send:
        return plan, there
    if args.ask and not common.agreed("Upload this?"):
        print("Nothing was uploaded.", file=sys.stderr)
        return plan, []
    assert key is not None, "the check of the key has held"
    sender = uploading.Sender(
        work=store.work,
        client=client,
        ppa=name,
        plan=plan,
        server=server,
        key=key,
        candidates=candidates,
        tell=partial(common.tell, args),
        poll=poll_seconds(30.0),
        longest=longest,
    )
    done = sender.run()
    names = [f"{upload.series}/{upload.source}={upload.version}" for upload in done]
    follow = "" if args.wait else "; follow the builds with: backport wait"
    text = f"{len(done)} of {len(plan.items)} uploaded{follow}"
    common.tell(args, {"event": "uploaded", "uploads": names}, text)
    return plan, there


def _show(plan: UploadPlan, args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps(plan.to_json()), flush=True)
    elif args.ask or not args.quiet:
        print(checks.as_text(plan), flush=True)
    for item in plan.items:
        if item.action in (checks.REFUSE, checks.SKIP) and not args.json:
            print(f"backport: {item.name}: {item.reason}.", file=sys.stderr)
