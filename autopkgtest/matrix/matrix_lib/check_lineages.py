"""Print what is wrong with the lineages in a configuration directory; 1 when there is anything.

    check_lineages.py CONFIG_DIR

Runs under Python 2.7 and 3.
"""

from __future__ import print_function

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# Beside this folder in a testbed, and beside the matrix in the recipe's tree.
sys.path[:0] = [os.path.join(HERE, up, "lib") for up in ("..", os.path.join("..", ".."))]

import renewals

found = [finding for name in os.listdir(os.path.join(sys.argv[1], "archive"))
         for finding in renewals.check_lineage(sys.argv[1], name)]
for finding in found:
    print(finding.sentence)
sys.exit(1 if found else 0)
