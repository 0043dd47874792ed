"""Prints the architecture that SAM builds a function for: `sam_architecture.py ARTIFACTS_DIR [ARCH]`.

SAM passes a Makefile only the folder for the package, not the parameter Architecture. But before it calls `make`, it
writes what it will build to `build.toml` next to the folder of all packages. The folder has the name of the function.
ARCH is the value of the variable, if it is set: if it differs, Lambda could not start the package.
"""

import pathlib
import sys
import tomllib


def main(artifacts: pathlib.Path, said: str | None) -> str:
    built = told(artifacts.parent.parent / "build.toml", artifacts.name)
    if built is None and said is None:
        sys.exit("SAM does not tell for which processor it builds: say it, as in ARCH=arm64 sam build")
    if built is not None and said not in (None, built):
        sys.exit(
            f"ARCH is {said}, but the parameter Architecture is {built}: leave ARCH out, "
            f"or run sam build --parameter-overrides Architecture={said}, and sam deploy with the same"
        )
    return built or said


def told(file: pathlib.Path, function: str) -> str | None:
    """Returns the architecture of a function in SAM's `build.toml`."""
    try:
        definitions = tomllib.loads(file.read_text())["function_build_definitions"].values()
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return None
    return next((each["architecture"] for each in definitions if function in each["functions"]), None)


if __name__ == "__main__":
    print(main(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2] if len(sys.argv) > 2 else None))
