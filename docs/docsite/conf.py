# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Sphinx's settings for the HTML site, which `make docs` builds without a network."""

from __future__ import annotations

import typing as t

project = "vastai.cloud"
project_copyright = "vastai.cloud contributors"
title = html_short_title = "vastai.cloud"
extensions = ["sphinx_antsibull_ext"]
exclude_patterns = ["doctrees"]
default_role = "any"
nitpicky = True
highlight_language = "YAML+Jinja"
pygments_style = "ansible"
html_theme = "sphinx_ansible_theme"
html_show_sphinx = False
html_use_index = False
html_copy_source = False


def outside(_app: t.Any, _env: t.Any, node: t.Any, content: t.Any) -> t.Any:
    """References that antsibull-docs makes to Ansible's own site become plain text; our own have to resolve."""
    target = node.get("reftarget", "")
    return None if target.startswith("ansible_collections.vastai.cloud.") else content


def setup(app: t.Any) -> None:
    app.connect("missing-reference", outside)
