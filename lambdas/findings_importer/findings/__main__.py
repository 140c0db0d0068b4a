"""At a desk: ``PYTHONPATH=lambdas/findings_importer python -m findings --scanner grype --report FILE``."""

import sys
from pathlib import Path

# In the function's zip ``common`` lies beside this package; here it is two folders up.
sys.path.append(str(Path(__file__).parents[2]))

from findings.cli import main

sys.exit(main(sys.argv[1:]))
