# SPDX-License-Identifier: Apache-2.0
"""Which test shows that a directive changes something, that a metric moves, that a word is said."""
import ast
import os

HERE = os.path.dirname(os.path.abspath(__file__))


def covers(*names):
    """Marks a test that would fail if what it names did nothing. `larder help --directives` and `--words` have the names."""
    def mark(test):
        test.covers = names
        return test
    return mark


def covered():
    """Every name that some test of this folder is marked with, and those tests."""
    found = {}
    for file in sorted(os.listdir(HERE)):
        if not (file.startswith("test_") and file.endswith(".py")):
            continue
        with open(os.path.join(HERE, file), encoding="utf-8") as source:
            tree = ast.parse(source.read())
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef):
                continue
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "covers":
                    for name in mark.args:
                        found.setdefault(ast.literal_eval(name), []).append(f"{file}:{node.name}")
    return found
