"""The tests. Each pytest worker and each subprocess uses one thread.

Workers that each use a thread per core would spend most of the time waiting for each other.
"""

import os

# torch and NumPy read it once, when conftest.py imports them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Where a test asks for several threads, one that waits for another leaves the core to it.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
