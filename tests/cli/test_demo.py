from tests.cli.conftest import run


def test_the_demonstration_shows_what_it_should_and_ends_well() -> None:
    result = run("demo")
    assert result.exit_code == 0, result.output
    for line in ("signed, cosign 3 bundle    admitted", "not signed                 denied     NOT_SIGNED"):
        assert line in result.output
    assert "9 answers, each as it should be" in result.output
    assert '1 of 1 images denied by policy "signed-in-production": app: NOT_SIGNED' in result.output
    assert "UNEXPECTED" not in result.output
