"""``python -m gcond.cli``."""

import sys

from gcond.cli import main

sys.exit(main())
