"""What registries ask of their clients, and what becomes of a verdict when they do not answer."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.system import policies
from tests.system.program import tidewaiter
from tests.system.registries import PASSWORD, USER, distribution, ggcr_registry
from tests.system.signing import Registry, Workshop, plain_registry, private_registry
from tests.system.token_service import SERVICE, TokenService, Wanted, token_service

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]

ADMITTED, DENIED, USAGE, INCONCLUSIVE = range(4)


@pytest.fixture(scope="module")
def signed(workshop: Workshop, private: Registry) -> str:
    """An image behind TLS and a password, signed by the key `release`."""
    image = workshop.push(private, "team/private")
    workshop.sign(private, image, "release", "signature")
    workshop.sign(private, image, "release", "bundle")
    return image


def _verify(key: Path, image: str, *flags: str) -> tuple[int, str, str]:
    """Exit code, code of the finding and its message."""
    done = tidewaiter("verify", f"--key={key}", "-o", "json", *flags, image)
    ((judgement,),) = (result["judgements"] for result in json.loads(done.stdout)["results"])
    return done.returncode, judgement["code"], judgement["message"]


def test_a_private_registry_is_read_with_its_authority_and_credentials(
    private: Registry, signed: str, workshop: Workshop
) -> None:
    code, finding, _ = _verify(workshop.public_key("release"), signed, *private.flags)
    assert (code, finding) == (ADMITTED, "")
    code, finding, _ = _verify(workshop.public_key("stranger"), signed, *private.flags)
    assert (code, finding) == (DENIED, "SIGNER_NOT_ALLOWED")


WITHOUT: dict[str, tuple[Callable[[str], bool], str, str]] = {
    "authority": (lambda flag: "-ca=" in flag, "REGISTRY_UNAVAILABLE", "its issuer is not trusted"),
    "credentials": (lambda flag: "docker" in flag, "CREDENTIALS_MISSING", "wants credentials, and there are none"),
    "leave": (lambda flag: "address" in flag, "ADDRESS_NOT_ALLOWED", "a loopback address, which may not be dialled"),
}


@pytest.mark.parametrize("missing", WITHOUT)
def test_without_one_of_them_nothing_is_found_out(
    missing: str, private: Registry, signed: str, workshop: Workshop
) -> None:
    left_out, expected, message = WITHOUT[missing]
    flags = [flag for flag in private.flags if not left_out(flag)]
    code, finding, told = _verify(workshop.public_key("release"), signed, *flags)
    assert len(flags) == len(private.flags) - 1
    assert (code, finding) == (INCONCLUSIVE, expected)
    assert message in told


def test_a_wrong_password_is_told_and_not_shown(
    private: Registry, signed: str, workshop: Workshop, tmp_path: Path
) -> None:
    ca = Path(private.env["SSL_CERT_FILE"])
    wrong = private_registry(private.host, ca, tmp_path / "docker", password="hunter2-hunter2")
    code, finding, told = _verify(workshop.public_key("release"), signed, *wrong.flags)
    assert (code, finding) == (INCONCLUSIVE, "CREDENTIALS_REFUSED")
    assert "hunter2" not in told


@dataclass(frozen=True, slots=True)
class Guarded:
    """A registry that wants tokens, their service, and a signed image and an unsigned one."""

    registry: Registry
    tokens: TokenService
    signed: str
    unsigned: str

    def flags(self, folder: Path | None, password: str = PASSWORD) -> list[str]:
        """Without a folder for it, there is no docker configuration."""
        plain = [f"--insecure-registry={host}" for host in (self.registry.host, self.tokens.host)]
        return plain if folder is None else [*plain, f"--docker-config={_login(self.registry.host, folder, password)}"]


def _login(host: str, folder: Path, password: str = PASSWORD) -> Path:
    config = folder / "config.json"
    login = base64.b64encode(f"{USER}:{password}".encode()).decode()
    config.write_text(json.dumps({"auths": {host: {"auth": login}}}), encoding="ascii")
    return config


@pytest.fixture(scope="module")
def guarded(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    with token_service(USER, PASSWORD) as tokens, distribution(folder, tokens=tokens) as address:
        host = f"localhost:{address.rpartition(':')[2]}"
        login = _login(host, tmp_path_factory.mktemp("login")).parent
        registry = Registry(host, (), env={"DOCKER_CONFIG": str(login)})
        signed, unsigned = [workshop.push(registry, f"team/{name}") for name in ("signed", "unsigned")]
        for form in ("signature", "bundle"):
            workshop.sign(registry, signed, "release", form)
        yield Guarded(registry, tokens, signed, unsigned)


def test_a_registry_with_tokens_is_read_with_one_that_may_pull_from_one_repository(
    guarded: Guarded, workshop: Workshop, tmp_path: Path
) -> None:
    flags = guarded.flags(tmp_path)
    for image, code, finding in ((guarded.signed, ADMITTED, ""), (guarded.unsigned, DENIED, "NOT_SIGNED")):
        guarded.tokens.wanted.clear()
        assert _verify(workshop.public_key("release"), image, *flags)[:2] == (code, finding)
        repository = image.partition("/")[2].partition("@")[0]
        assert guarded.tokens.wanted == [Wanted(USER, SERVICE, (f"repository:{repository}:pull",))], "for all questions"


def test_a_registry_with_tokens_gives_none_to_strangers(guarded: Guarded, workshop: Workshop, tmp_path: Path) -> None:
    code, finding, _ = _verify(workshop.public_key("release"), guarded.signed, *guarded.flags(None))
    assert (code, finding) == (INCONCLUSIVE, "CREDENTIALS_MISSING")
    wrong = guarded.flags(tmp_path, password="hunter2-hunter2")
    code, finding, told = _verify(workshop.public_key("release"), guarded.signed, *wrong)
    assert (code, finding) == (INCONCLUSIVE, "CREDENTIALS_REFUSED")
    assert "hunter2" not in told


def _check(folder: Path, registry: Registry, workshop: Workshop, images: list[str]) -> tuple[int, list[dict[str, Any]]]:
    rules = policies.image_rules(registry.host, policies.authority("release", workshop.pem("release")))
    policy = policies.write(folder / "policy.yaml", production={"images": rules})
    containers = [{"name": f"c{index}", "image": image} for index, image in enumerate(images)]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": containers}}
    command = ("check", f"--policy={policy}", "--filename=-", "--output=json", *registry.flags)
    done = tidewaiter(*command, input=json.dumps(pod))
    (result,) = json.loads(done.stdout)["results"]
    return done.returncode, result["violations"]


def test_a_registry_that_is_down_is_not_a_no(workshop: Workshop, tmp_path: Path) -> None:
    with ggcr_registry(tmp_path) as host:
        registry = plain_registry(host)
        image = workshop.push(registry, "team/app")
        workshop.sign(registry, image, "release", "bundle")
        assert _check(tmp_path, registry, workshop, [image]) == (ADMITTED, [])
    code, violations = _check(tmp_path, registry, workshop, [image])
    assert (code, [each["code"] for each in violations]) == (INCONCLUSIVE, ["REGISTRY_UNAVAILABLE"])
    code, _, _ = _verify(workshop.public_key("release"), image, *registry.flags)
    assert code == INCONCLUSIVE


def test_a_no_beats_what_could_not_be_found_out(workshop: Workshop, tmp_path: Path) -> None:
    with ggcr_registry(tmp_path) as host:
        image = workshop.push(plain_registry(host), "team/app")
    images = [image, f"elsewhere.example.com/{image.partition('/')[2]}"]
    code, violations = _check(tmp_path, plain_registry(host), workshop, images)
    codes = [each["code"] for each in violations]
    assert (code, sorted(codes)) == (DENIED, ["REGISTRY_NOT_ALLOWED", "REGISTRY_UNAVAILABLE"])


def test_an_image_that_is_not_there_is_denied(ggcr: Registry, workshop: Workshop) -> None:
    absent = f"{ggcr.host}/team/absent:1"
    code, finding, _ = _verify(workshop.public_key("release"), absent, *ggcr.flags)
    assert (code, finding) == (DENIED, "IMAGE_NOT_FOUND")


def test_faults_of_configuration_are_told_before_anything_is_judged(tmp_path: Path) -> None:
    policy = policies.write(tmp_path / "policy.yaml", production={"images": {"alow": ["registry.example.com/**"]}})
    done = tidewaiter("check", "-p", policy, "-f", "-", input="{}")
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert f"{policy}:1: spec.images" in done.stderr
    done = tidewaiter("verify", "registry.example.com/app")
    assert done.returncode == USAGE
