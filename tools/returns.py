# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Copy the documentation that plugins share from plugins/doc_fragments to where a comment asks for it.

`# shared: NAME` to `# end` holds the RETURN text of NAME.py, or for `selection` its options, at the comment's
indentation. Results cannot be taken from fragments before ansible-core 2.20, nor options inside of options at all.
With --check nothing is written, and what is stale is an error.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from pathlib import Path

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
BLOCK = re.compile(r"^( *)# shared: (\w+)\n(?:.*\n)*?\1# end\n", re.MULTILINE)


def shared(name: str) -> str:
    """The text of a fragment, without indentation."""
    tree = ast.parse((PLUGINS / "doc_fragments" / f"{name}.py").read_text(encoding="utf-8"))
    texts = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    text = texts["RETURN"] if "RETURN" in texts else texts["DOCUMENTATION"].partition("\noptions:\n")[2]
    return textwrap.dedent(text).strip("\n") + "\n"


def fresh(source: str) -> str:
    """A source with each shared block as its fragment has it."""

    def block(found: re.Match[str]) -> str:
        indent, name = found[1], found[2]
        return f"{indent}# shared: {name}\n{textwrap.indent(shared(name), indent)}{indent}# end\n"

    return BLOCK.sub(block, source)


def stale() -> dict[Path, str]:
    """The files whose blocks differ from the fragments, with what they should be."""
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(PLUGINS.glob("*/*.py"))}
    return {path: new for path, source in sources.items() if (new := fresh(source)) != source}


def main() -> int:
    check = sys.argv[1:] == ["--check"]
    for path, new in stale().items():
        print(f"{path.relative_to(PLUGINS.parent)}: {'stale; run python3 tools/returns.py' if check else 'written'}")
        if not check:
            path.write_text(new, encoding="utf-8")
    return int(check and bool(stale()))


if __name__ == "__main__":
    raise SystemExit(main())
