"""Prints the processor that SAM builds a function for: `sam_architecture.py ARTIFACTS_DIR [ARCH]`.

SAM hands a Makefile the folder for the package and nothing else, so that the parameter Architecture is only known to SAM.
But before it calls `make`, it writes what it is about to build into `build.toml` beside the folder of all packages. The
function is the one that the folder is named after. ARCH is what the variable says, if it is set: two that differ would
give a package that Lambda cannot start.
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
    """The architecture of a function in SAM's list of what it builds."""
    try:
        definitions = tomllib.loads(file.read_text())["function_build_definitions"].values()
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return None
    return next((each["architecture"] for each in definitions if function in each["functions"]), None)


if __name__ == "__main__":
    print(main(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2] if len(sys.argv) > 2 else None))
