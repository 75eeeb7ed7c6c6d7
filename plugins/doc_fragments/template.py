# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """A template in results."""

    RETURN = r"""
id:
  description: The id of the template.
  returned: always
  type: int
hash_id:
  description: The hash to use as C(template_hash_id). It changes with every edit of the template.
  returned: always
  type: str
name:
  description: The name of the template.
  returned: always
  type: str
image:
  description: The image.
  returned: always
  type: str
tag:
  description: The tag of the image.
  returned: always
  type: str
runtype:
  description: How the container is launched, V(ssh), V(jupyter) or V(args).
  returned: always
  type: str
ssh_direct:
  description: Whether SSH connects directly to the machine.
  returned: always
  type: bool
jup_direct:
  description: Whether Jupyter connects directly to the machine.
  returned: always
  type: bool
recommended_disk_space:
  description: The recommended disk size in GB.
  returned: always
  type: float
private:
  description: Whether the template is hidden from other users.
  returned: always
  type: bool
creator_id:
  description: The id of the user who created the template.
  returned: always
  type: int
created_at:
  description: When the template was created, in seconds since 1970.
  returned: always
  type: float
count_created:
  description: How many instances were created from the template.
  returned: always
  type: int
desc:
  description: The description, without the line that M(vastai.cloud.vast_template) adds at its end.
  returned: always
  type: str
"""
