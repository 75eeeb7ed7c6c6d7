# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stands in for ssh: notes what it was called with, one JSON list a line, and says that it could not connect."""

from __future__ import annotations

import json
import os
import sys

with open(os.environ["SSH_RECORD"], "a", encoding="utf-8") as record:
    record.write(json.dumps(sys.argv[1:]) + "\n")
sys.exit(255)
