import pytest

from tests.registry.conftest import FixedKeychain
from webhook import images
from webhook.errors import CredentialsUnavailableError
from webhook.images import ImageReference, PinnedImage
from webhook.registry.keychain import Credentials, KeychainChain

SECRET = "hunter2-marker"
NGINX = images.parse("nginx")


class FailingKeychain:
    async def credentials(self, image: ImageReference | PinnedImage) -> Credentials | None:
        raise CredentialsUnavailableError("no answer")


async def test_the_first_keychain_that_has_credentials_decides() -> None:
    first, second, third = FixedKeychain(), FixedKeychain(Credentials("me", "")), FixedKeychain(Credentials("you", ""))
    assert await KeychainChain([first, second, third]).credentials(NGINX) == Credentials("me", "")
    assert (first.asked, second.asked, third.asked) == ([str(NGINX)], [str(NGINX)], [])


async def test_a_keychain_that_fails_is_no_reason_to_ask_as_somebody_else() -> None:
    last = FixedKeychain(Credentials("you", ""))
    with pytest.raises(CredentialsUnavailableError, match="no answer"):
        await KeychainChain([FailingKeychain(), last]).credentials(NGINX)
    assert last.asked == []


async def test_without_credentials_anywhere_the_caller_is_anonymous() -> None:
    assert await KeychainChain([]).credentials(NGINX) is None
    assert await KeychainChain([FixedKeychain(), FixedKeychain()]).credentials(NGINX) is None


@pytest.mark.parametrize("credentials", [Credentials("me-marker", SECRET), Credentials("me-marker", "", SECRET)])
def test_credentials_do_not_show_what_they_are(credentials: Credentials) -> None:
    assert repr(credentials) == "Credentials()"
    assert "marker" not in f"{credentials} {credentials!r} {[credentials]}"


def test_basic_credentials_are_written_as_rfc_7617_says() -> None:
    assert Credentials("Aladdin", "open sesame").basic() == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert Credentials("m\u00e9", "x").basic() == "Basic bcOpOng="
