"""Lists, downloads and checks files of a model repository on the Hugging Face hub."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from httpx2 import HTTPError
from huggingface_hub import HfApi, constants, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoSibling

from .errors import ExportError

# Plain HTTP serves every file. The hub's second protocol needs an additional binary package.
constants.HF_HUB_DISABLE_XET = True

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_CHUNK = 1 << 20


class Repository:
    """One commit of a model repository. `HF_ENDPOINT` selects the hub, and `HF_TOKEN` authenticates.

    `files` maps each path in the repository to its size and hash, `commit` is the full hash.
    """

    def __init__(self, name: str, revision: str | None = None) -> None:
        if not _NAME.fullmatch(name):
            raise ExportError(f"{name!r} is not of the form OWNER/NAME, as in microsoft/resnet-50")
        self.name = name
        with _told(name, revision):
            info = HfApi().model_info(name, revision=revision, files_metadata=True)
        if info.sha is None:
            raise ExportError(f"{constants.ENDPOINT} does not say which commit of {name} it serves")
        self.commit = info.sha
        self.files = {file.rfilename: file for file in info.siblings or []}

    def size(self, path: str) -> int:
        """Returns the size of a file in bytes, 0 if the hub does not state it."""
        return self.files[path].size or 0

    def fetch(self, path: str, target: Path) -> None:
        """Copies a file to `target`, from the hub's cache if an earlier run downloaded it.

        Raises `ExportError` if size or hash differ from the hub's list.
        """
        with _told(self.name, self.commit):
            cached = Path(hf_hub_download(self.name, path, revision=self.commit))
        fault = _fault(cached, self.files[path])
        if fault:
            # Remove the damaged file from the cache, or the next run would use it again.
            cached.resolve().unlink()
            cached.unlink(missing_ok=True)
            raise ExportError(f"{self.name}: {path} arrived damaged: {fault}; run it again")
        shutil.copyfile(cached, target)


def _fault(file: Path, listed: RepoSibling) -> str | None:
    """Returns the difference between a file and its entry in the hub's list."""
    size = file.stat().st_size
    if listed.size is not None and size != listed.size:
        return f"it has {size} bytes, the hub lists {listed.size}"
    if listed.lfs is not None:
        kind, expected, digest = "sha256", listed.lfs.sha256, hashlib.sha256()
    elif listed.blob_id is not None:
        # Git's hash of a file is the SHA-1 of a header and the content.
        kind, expected, digest = "git hash", listed.blob_id, hashlib.sha1(b"blob %d\0" % size)
    else:
        return None
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    actual = digest.hexdigest()
    return None if actual == expected else f"its {kind} is {actual}, the hub lists {expected}"


@contextmanager
def _told(name: str, revision: str | None) -> Iterator[None]:
    """Turns errors of the hub's library into one line that says what to do."""
    page = f"{constants.ENDPOINT}/{name}"
    try:
        yield
    except GatedRepoError:
        raise ExportError(
            f"{name} is gated: accept its terms at {page}, and set HF_TOKEN to a token of that account"
        ) from None
    except RevisionNotFoundError:
        raise ExportError(f"{name} has no revision {revision!r}; {page} lists them") from None
    except RepositoryNotFoundError:
        raise ExportError(
            f"there is no model {name} at {constants.ENDPOINT}, or it is private: check the name, "
            "or set HF_TOKEN to a token that may read it"
        ) from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        hint = ": set HF_TOKEN to a valid token that may read it" if status in (401, 403) else ""
        raise ExportError(f"the hub answered {status} for {name}{hint}") from None
    except (HTTPError, OSError) as error:
        reason = error.__cause__ or error
        raise ExportError(
            f"cannot fetch {name} from {constants.ENDPOINT}: {reason}; "
            "run it again, files that are complete are not fetched again"
        ) from None
