#!/usr/bin/env python3
"""Writes tests/fixtures/logistic/expected.json: results of scikit-learn's logistic regression for random numbers.

Needs scikit-learn 1.9.1 and NumPy in a separate environment. Each case has rows for training, rows to classify, the
strength C, and scikit-learn's probabilities for the rows to classify. The classes overlap, so no strength classifies
all rows correctly.
"""

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

OUT = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "logistic" / "expected.json"


def rows(random, classes, count, columns, centers):
    labels = np.arange(count) % classes
    values = centers[labels] + random.normal(0, 1, (count, columns))
    # scikit-learn gets the numbers as they are written to the file.
    return labels, np.round(values, 2)


def case(seed, classes, columns, c):
    random = np.random.default_rng(seed)
    centers = random.normal(0, 0.7, (classes, columns))
    labels, values = rows(random, classes, 9 * classes, columns, centers)
    _, unknown = rows(random, classes, 5 * classes, columns, centers)
    model = LogisticRegression(C=c, tol=1e-8, max_iter=10_000).fit(values, labels)
    return {
        "classes": classes,
        "c": c,
        "labels": labels.tolist(),
        "rows": values.tolist(),
        "unknown": unknown.tolist(),
        "probabilities": np.round(model.predict_proba(unknown), 5).tolist(),
    }


def main():
    cases = [case(1, 4, 5, c) for c in (0.01, 1.0, 100.0)] + [case(2, 2, 3, 0.3)]
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"scikit-learn": sklearn.__version__, "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
