"""Who signs in the system tests: one whom policies accept, and those who resemble him."""

from typing import Final

from tests.system.sigstore.oidc import person, workflow

RELEASE: Final = workflow("acme/app", "release.yml", "refs/heads/main")
"""The one whom most policies accept."""
BRANCH: Final = workflow("acme/app", "release.yml", "refs/heads/fix")
FORK: Final = workflow("mallory/app", "release.yml", "refs/heads/main")
MAINTAINER: Final = person("dev@example.com")
KEY: Final = "release"
"""The key whom they accept."""
OTHER_KEY: Final = "stranger"
