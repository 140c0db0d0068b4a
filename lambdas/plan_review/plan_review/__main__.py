"""See cli."""

import sys

from plan_review.cli import main

sys.exit(main())
