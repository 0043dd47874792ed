"""What schemathesis sends where the document leaves the bytes open: pictures, good and bad, whole and cut off."""

import pathlib

import schemathesis
from hypothesis import strategies

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures"
PICTURES = [path.read_bytes() for path in sorted((FIXTURES / "cases").iterdir()) if path.stat().st_size < 100_000]


@strategies.composite
def pictures(draw: strategies.DrawFn) -> bytes:
    picture = draw(strategies.sampled_from(PICTURES))
    end = draw(strategies.integers(0, len(picture)) | strategies.just(len(picture)))
    return picture[:end] + draw(strategies.binary(max_size=16))


# JPEG stands for all of `image/*`: the service looks at the bytes.
schemathesis.openapi.media_type("image/*", pictures())
schemathesis.openapi.media_type("application/octet-stream", pictures())
