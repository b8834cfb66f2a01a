"""Fresh Python environments for tests that run commands as a reader of the documents would, without a network.

Packages that `pip install` would fetch stand there already, as links to those of the tests' own environment: chosen
packages with all that they require, and nothing else. So an environment lacks what a fresh one lacks.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OF_OUR_OWN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "GDAL_DATA", "PROJ_DATA", "PROJ_LIB")


class FreshEnvironment:
    """A virtual environment with pip, setuptools and the chosen packages, beside what they require."""

    def __init__(self, folder: Path, packages: Iterable[str]) -> None:
        self.folder = folder
        venv.create(folder, with_pip=False, symlinks=True)
        (folder / "tmp").mkdir()
        major, minor = sys.version_info[:2]
        site_packages = folder / "lib" / f"python{major}.{minor}" / "site-packages"
        for distribution in with_requirements([*packages, "pip", "setuptools"]):
            self._link(distribution, site_packages)

    def _link(self, distribution: metadata.Distribution, site_packages: Path) -> None:
        for name in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            place = site_packages / name
            if not place.exists():
                place.symlink_to(Path(str(distribution.locate_file(name))))
        for entry in distribution.entry_points.select(group="console_scripts"):
            self._write_script(entry)

    def _write_script(self, entry: metadata.EntryPoint) -> None:
        path = self.folder / "bin" / entry.name
        # Workers are started from this very script: without the guard each would start workers again.
        start = f'import sys\nfrom {entry.module} import {entry.attr}\nif __name__ == "__main__":\n'
        path.write_text(f"#!{self.folder / 'bin' / 'python'}\n{start}    sys.exit({entry.attr}())\n")
        path.chmod(0o755)

    @property
    def variables(self) -> Mapping[str, str]:
        """Of a shell in which the environment is active, on a machine without a network."""
        others = {name: value for name, value in os.environ.items() if name not in OF_OUR_OWN}
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])
        # pip's variable for --no-build-isolation takes the opposite of its name: 0 means without.
        offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        return others | offline | {"PATH": path, "PYTHONUNBUFFERED": "1", "TMPDIR": str(self.folder / "tmp")}

    def run(self, command: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run a command of the shell to its end."""
        return subprocess.run(
            ["bash", "-c", command], cwd=folder, env=self.variables, capture_output=True, text=True, check=False
        )

    def start(self, command: str, folder: Path, log: Path) -> subprocess.Popen[bytes]:
        """Start a command of the shell in a session of its own; what it says goes to `log`."""
        with log.open("wb") as out:
            return subprocess.Popen(
                ["bash", "-c", command],
                cwd=folder,
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def with_requirements(names: Iterable[str]) -> list[metadata.Distribution]:
    """The installed packages of these names, with all that they require."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [Requirement(name) for name in names]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        extras = {"", *wanted.extras}
        if name in found and not wanted.extras:
            continue
        found[name] = distribution = metadata.distribution(name)
        needed = map(Requirement, distribution.requires or ())
        waiting += [one for one in needed if any(_is_wanted(one, extra) for extra in extras)]
    return list(found.values())


def _is_wanted(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})
