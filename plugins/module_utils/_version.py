# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The version of this collection, for the User-Agent. A test holds it to galaxy.yml."""

from __future__ import annotations

VERSION = "0.3.0"
