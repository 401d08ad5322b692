# SPDX-License-Identifier: Apache-2.0
"""Every directive, value, metric and word has a test that shows what it does: who adds one adds its test."""
import os
import re
import unittest

import larder as process
from covering import covered

# What no test from outside can bring about, and why.
BEYOND_REACH = {
    "upstream/balance.METHOD": "it has one value",
    "detail coding-out-of-memory": "a coder is refused memory",
    "detail coding-cancelled": "nobody is left to be told",
    "detail upstream-draining": "a request meets a reload between two events",
    "metric larder_sweep_lock": "it is held for moments",
    "metric larder_recoding_queue": "it is left within moments",
}


class Covered(unittest.TestCase):
    def names(self, option, prefix=""):
        done = process.run("help", option)
        self.assertEqual(done.returncode, 0, done.stderr)
        return {prefix + line for line in done.stdout.splitlines()}

    def test_every_name_has_a_test_and_every_test_a_name(self):
        known = self.names("--directives") | self.names("--words")
        found = covered()
        missing = sorted(known - set(found) - set(BEYOND_REACH))
        unknown = {name: found[name] for name in sorted(set(found) - known)}
        self.assertEqual((missing, unknown), ([], {}))
        self.assertEqual(sorted(set(BEYOND_REACH) - known) + sorted(set(BEYOND_REACH) & set(found)), [])

    def test_balance_has_one_value(self):
        self.assertIn("balance round_robin\n", process.run("help", "balance").stdout)

    def test_the_list_of_details_is_what_the_code_says(self):
        said = set()
        for folder, _, files in os.walk(os.path.join(process.TOP, "Sources")):
            for file in files:
                if not file.endswith(".swift") or file in ("LocalDetail.swift", "NotStoredReason.swift"):
                    continue
                with open(os.path.join(folder, file), encoding="utf-8") as source:
                    text = source.read()
                said |= set(re.findall(r'detail(?:: | = )"([a-z0-9-]+)"', text))
                said |= set(re.findall(r': "((?:upstream|coding)-[a-z-]+)"', text))
        listed = {word.removeprefix("detail ") for word in self.names("--words") if word.startswith("detail ")}
        self.assertEqual(sorted(said ^ listed), [])


if __name__ == "__main__":
    unittest.main()
