import pytest

from tests.checks.valid import ABSENT, PLACES, found_by
from webhook.checks import host_ports
from webhook.checks.rules import ContainerRules, PortRange
from webhook.codes import Code
from webhook.verdict import Violation

RANGES = (PortRange(8000, 8080), PortRange(9000, 9000))
found = found_by(host_ports.check, ContainerRules(allowed_host_ports=RANGES))

PORTS = "spec.containers[0].ports"


def refused(
    index: int,
    ports: str,
    at: str = PORTS,
    name: str = "app",
    ranges: str = "[8000-8080, 9000]",
    value: str = "8000 (or another that is allowed)",
) -> Violation:
    path = f"{at}[{index}].hostPort"
    return Violation(
        code=Code.HOST_PORT_NOT_ALLOWED,
        path=path,
        container=name,
        message=f"ports have the hostPort {ports}, expected none but {ranges}",
        fix=f"set {path}: {value}, or leave it out",
    )


@pytest.mark.parametrize("port", [8000, 8001, 8080, 9000, 0, None])
def test_takes_ports_of_all_ranges_with_their_ends_and_none(port: int | None) -> None:
    assert found({f"{PORTS}[0].hostPort": port}) == []


@pytest.mark.parametrize("port", [1, 7999, 8081, 8999, 9001, 65535, 65536, -1, -8000])
def test_refuses_all_others(port: int) -> None:
    assert found({f"{PORTS}[0].hostPort": port}) == [refused(0, f"[{port}]" if port > 0 else f"['{port}']")]


@pytest.mark.parametrize("ports", [ABSENT, None, [], [{}]])
def test_containers_without_ports_take_none(ports: object) -> None:
    assert found({PORTS: ports}) == []


def test_one_finding_for_each_container_names_all_of_its_ports() -> None:
    ports = [{"hostPort": port} for port in (8080, 1, 9000, 2, 1, 3, 4, 5, 6, 7)]
    web = "spec.containers[1].ports"
    assert found({PORTS: ports, web: [{"hostPort": 80}]}) == [
        refused(1, "[1, 2, 3, 4, 5 and 2 more]"),
        refused(0, "[80]", web, "web"),
    ]


@pytest.mark.parametrize(("place", "name"), PLACES.items())
def test_judges_containers_of_every_list(place: str, name: str) -> None:
    assert found({f"{place}.ports": [{"hostPort": 80}]}) == [refused(0, "[80]", f"{place}.ports", name)]


@pytest.mark.parametrize(
    ("only", "ranges", "value"),
    [
        (PortRange(80, 80), "[80]", "80"),
        (PortRange(80, 81), "[80-81]", "80 (or another that is allowed)"),
    ],
)
def test_names_the_port_to_use(only: PortRange, ranges: str, value: str) -> None:
    find = found_by(host_ports.check, ContainerRules(allowed_host_ports=(only,)))
    everywhere: dict[str, object] = {f"{place}.ports": ABSENT for place in PLACES}
    assert find({**everywhere, PORTS: [{"hostPort": 90}]}) == [refused(0, "[90]", ranges=ranges, value=value)]
