"""What a trial of the campaign does, drawn from a seed: processes, moments, kills, hooks.

A plan is plain data, so that it can be kept, run again, and made smaller.

Runs under Python 2.7 and 3.
"""

import copy
import random

NAMES = ("one.example.org", "two.example.org", "three.example.org")
NEW_NAME = "new.example.org"
# Weights of the commands: mostly what cron, a timer and an administrator run.
COMMANDS = (("renew", 45), ("force", 15), ("certonly", 12), ("new", 6), ("install", 16),
            ("revoke", 5), ("delete", 5), ("certificates", 4))
READING = ("certificates",)
MOST_PROCESSES = 4
LONGEST_OFFSET_SECONDS = 0.5
# A renewal takes a few tenths of a second here, an install seconds.
KILL_SECONDS = {"install": 2.0}
USUAL_KILL_SECONDS = 0.6
KILL_SHARE = 0.15
HOOK_SHARE = 0.25
# What a killed run of these leaves is for the next one to put right.
KILLABLE = ("renew", "force", "certonly", "install")


def draw(seed, number, servers):
    """The plan of one trial.

    ``servers`` are the web servers that are there, of "apache" and "nginx".
    """
    chance = random.Random("{0}/{1}".format(seed, number))
    lineages = list(NAMES[:chance.randint(1, len(NAMES))])
    processes = [_process(chance, lineages, servers)
                 for _ in range(chance.randint(2, MOST_PROCESSES))]
    if all(process["command"] in READING for process in processes):
        processes[0]["command"] = "renew"
    plan = {"seed": seed, "number": number, "lineages": lineages, "processes": processes}
    if chance.random() < KILL_SHARE and not any(
            process["command"] in ("delete", "new") for process in processes):
        able = [process for process in processes if process["command"] in KILLABLE]
        if able:
            chosen = chance.choice(able)
            latest = KILL_SECONDS.get(chosen["command"], USUAL_KILL_SECONDS)
            chosen["kill_after"] = round(chance.uniform(0.02, latest), 4)
    return plan


def _process(chance, lineages, servers):
    command = _weighed(chance, [one for one in COMMANDS if one[0] != "install" or servers])
    process = {"command": command, "offset": 0.0}
    if chance.random() < 0.7:
        process["offset"] = round(chance.uniform(0, LONGEST_OFFSET_SECONDS), 4)
    if command in ("certonly", "install", "revoke", "delete"):
        process["name"] = chance.choice(lineages)
    if command == "install":
        process["server"] = chance.choice(sorted(servers))
    if command in ("renew", "force") and chance.random() < HOOK_SHARE:
        process["hooks"] = sorted(chance.sample(["pre", "post", "renew"], chance.randint(1, 3)))
        process["hook_seconds"] = round(chance.choice([0, 0.05, 0.2]), 2)
    return process


def _weighed(chance, pairs):
    place = chance.uniform(0, sum(weight for _, weight in pairs))
    for name, weight in pairs:
        place -= weight
        if place <= 0:
            return name
    return pairs[-1][0]


def smaller(plan):
    """Plans that are a little smaller, the boldest first."""
    for number in range(len(plan["processes"])):
        if len(plan["processes"]) > 1:
            less = copy.deepcopy(plan)
            del less["processes"][number]
            yield less
    used = set(process.get("name") for process in plan["processes"])
    for name in plan["lineages"]:
        if len(plan["lineages"]) > 1 and name not in used:
            less = copy.deepcopy(plan)
            less["lineages"].remove(name)
            yield less
    for number, process in enumerate(plan["processes"]):
        for key in ("kill_after", "hooks"):
            if key in process:
                less = copy.deepcopy(plan)
                del less["processes"][number][key]
                yield less
        if process["offset"]:
            less = copy.deepcopy(plan)
            less["processes"][number]["offset"] = 0.0
            yield less


def told(plan):
    """A plan in one line for people."""
    parts = []
    for process in plan["processes"]:
        text = process["command"]
        for key, form in (("name", " {0}"), ("server", " on {0}"), ("hooks", " hooks {0}"),
                          ("kill_after", " killed after {0} s")):
            if key in process:
                value = process[key]
                text += form.format("+".join(value) if isinstance(value, list) else value)
        parts.append("{0} at {1:.2f} s".format(text, process["offset"]))
    return "{0} lineages: {1}".format(len(plan["lineages"]), "; ".join(parts))
