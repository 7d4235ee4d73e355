"""How evenly moments are spread over the day: histogram and Kolmogorov-Smirnov test.

Runs under Python 2.7 and 3.
"""

import math

DAY = 86400.0


def deviation(moments):
    """The largest distance (D) of the moments, in seconds of the day, from an even spread."""
    ordered = sorted(moment / DAY for moment in moments)
    count = float(len(ordered))
    return max(max(place - index / count, (index + 1) / count - place)
               for index, place in enumerate(ordered))


def probability(distance, count):
    """How probable such a distance or a larger one is where ``count`` moments are even.

    The asymptotic distribution with Stephens' correction; good to three digits from 20 on.
    """
    root = math.sqrt(count)
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.2:
        return 1.0
    total = sum((-1) ** (k - 1) * math.exp(-2.0 * (k * scaled) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, 2.0 * total))


def histogram(moments):
    """How many moments are in each hour of the day."""
    hours = [0] * 24
    for moment in moments:
        hours[int(moment // 3600)] += 1
    return hours


def summary(moments):
    """Everything about some moments as a dictionary for JSON."""
    distance = deviation(moments)
    return {"moments": len(moments), "ks_d": round(distance, 6),
            "ks_p": probability(distance, len(moments)), "hours": histogram(moments)}
