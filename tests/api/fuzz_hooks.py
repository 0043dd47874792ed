"""Bodies for schemathesis where the document does not define the bytes: good and bad pictures, complete or cut off."""

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


# The service detects the format from the bytes, so the same pictures serve for all of `image/*`.
schemathesis.openapi.media_type("image/*", pictures())
schemathesis.openapi.media_type("application/octet-stream", pictures())
