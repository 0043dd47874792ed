#!/usr/bin/env python3
"""Writes the label columns `parents` and `parents_zh`: the everyday category of each ImageNet class, and its kind.

    apt-get install wordnet-base && python3 make_parents.py [data.noun]

`ic_tools/categories.tsv` has the categories, each with its synsets of WordNet 3.0. A class belongs to the category with
the nearest synset above it, or with the synset of the class itself; if several are equally near, to the first.
"""

import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
LABELS = [TOOLS / "ic_tools" / "imagenet1k.tsv", TOOLS.parent / "model" / "labels.tsv"]
CATEGORIES = TOOLS / "ic_tools" / "categories.tsv"
WORDNET = Path("/usr/share/wordnet/data.noun")


def hypernyms(path: Path) -> dict[str, list[str]]:
    """Returns the hypernyms of each noun synset, with names such as `n02084071` (wndb(5WN))."""
    above = {}
    for line in path.read_text(encoding="latin-1").splitlines():
        if line.startswith("  "):
            continue
        fields = line.split(" | ")[0].split()
        pointers_at = 4 + 2 * int(fields[3], 16)
        pointers = fields[pointers_at + 1 :]
        above[f"n{fields[0]}"] = [
            f"n{pointers[at + 1]}"
            for at in range(0, 4 * int(fields[pointers_at]), 4)
            if pointers[at] in ("@", "@i") and pointers[at + 2] == "n"
        ]
    return above


def rows(path: Path) -> list[dict[str, str]]:
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


def main(wordnet: Path) -> None:
    above = hypernyms(wordnet)
    categories = rows(CATEGORIES)
    of_synset: dict[str, int] = {}
    for number, category in enumerate(categories):
        for synset in category["synsets"].split():
            if synset not in above or synset in of_synset:
                sys.exit(f"categories.tsv: {synset} of {category['name']} is unknown, or stands there twice")
            of_synset[synset] = number
    labels = rows(LABELS[0])
    for label in labels:
        level = [label["wnid"]]
        while not (near := [of_synset[synset] for synset in level if synset in of_synset]):
            level = [higher for synset in level for higher in above[synset]]
        category = categories[min(near)]
        label["parents"] = f"{category['name']}|{category['kind']}"
        label["parents_zh"] = f"{category['name_zh']}|{category['kind_zh']}"
    lines = ["\t".join(labels[0]), *("\t".join(label.values()) for label in labels)]
    for path in LABELS:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else WORDNET)
