"""The promises of the two seams as suites that run: a store by others runs them too.

`bodies.py` (open it first) holds those of body stores, `index.py` those of indexes; `faults.py` makes calls fail on
purpose. Nothing here imports pytest: tests are async functions with plain asserts, in classes that a test file derives
from.
"""
