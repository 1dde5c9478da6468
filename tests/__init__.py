"""Tests, which may run side by side: each process, and each program that a test starts, works with one thread.

With as many as there are cores in each of them, the threads would wait for each other far longer than they work.
"""

import os

# Read once, when torch and NumPy are imported, and so before conftest.py imports them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
