"""The TypedDicts of the contract's schemas: datamodel-code-generator with the options of pyproject.toml."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from writ.contract.document import ContractError
from writ.contract.emit.source import Source, python

PATH = "generated/writ_contract/models.py"


def emit(source: Source) -> dict[str, str]:
    """Return the text of the module by its path. Raises ContractError with what the tool said when it fails.

    It runs in the project's folder, where it finds `[tool.datamodel-codegen]`.
    """
    with tempfile.TemporaryDirectory() as folder:
        document, output = Path(folder, "openapi.json"), Path(folder, "models.py")
        document.write_text(json.dumps(source.document), encoding="utf-8")
        run = subprocess.run(
            [
                sys.executable,
                "-m",
                "datamodel_code_generator",
                "--input",
                str(document),
                "--output",
                str(output),
            ],
            cwd=source.root,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise ContractError(f"datamodel-code-generator refused the contract:\n{run.stderr.strip()}")
        text = output.read_text(encoding="utf-8")
    return {PATH: python("The shapes of bodies and answers, as types that cost nothing at run time.", text)}
