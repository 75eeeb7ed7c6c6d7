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
  description: What to give as C(template_hash_id). It is made of the contents and changes with them.
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
  description: How the container is run, V(ssh), V(jupyter) or V(args).
  returned: always
  type: str
ssh_direct:
  description: Whether SSH goes to the machine directly.
  returned: always
  type: bool
jup_direct:
  description: Whether Jupyter goes to the machine directly.
  returned: always
  type: bool
recommended_disk_space:
  description: The recommended size of the disk, in GB.
  returned: always
  type: float
private:
  description: Whether others cannot see it.
  returned: always
  type: bool
creator_id:
  description: The id of the user who has created it.
  returned: always
  type: int
created_at:
  description: When it was created, in seconds since 1970.
  returned: always
  type: float
count_created:
  description: How many instances were made from it.
  returned: always
  type: int
desc:
  description: The description, without the line that M(vastai.cloud.vast_template) ends it with.
  returned: always
  type: str
"""
