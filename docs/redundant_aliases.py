"""Griffe extension: ``from module import Name as Name`` makes ``Name`` public, as type checkers read it.

``bench`` marks the public names of a package this way instead of by ``__all__``; with this extension the API pages list
exactly those names.
"""

import ast
from typing import Any

import griffe


class RedundantAliases(griffe.Extension):
    """Export the redundantly aliased imports of a package's ``__init__``."""

    def on_module_members(self, *, node: ast.AST | griffe.ObjectNode, mod: griffe.Module, **_: Any) -> None:
        """Add the names to the module's exports.

        Args:
            node: Syntax tree of the module.
            mod: The module, its members already collected.
        """
        if not mod.is_init_module or not isinstance(node, ast.Module):
            return
        imports = (each for each in node.body if isinstance(each, ast.ImportFrom))
        names = [alias.name for each in imports for alias in each.names if alias.asname == alias.name]
        defined = [name for name, member in mod.members.items() if not member.is_alias and not member.is_module]
        if names:
            mod.exports = [*names, *(name for name in defined if not name.startswith("_"))]
