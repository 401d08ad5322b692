# SPDX-License-Identifier: Apache-2.0
"""Waiting for conditions, never for time to pass."""
import time


def until(condition, what, seconds=10.0):
    """The first true answer of `condition`, which is asked again until `seconds` have passed."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.005)
