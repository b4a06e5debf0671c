"""The start script's own words; what it starts is tested beside it."""

import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parents[2] / "run"


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([RUN, *words], cwd="/", capture_output=True, text=True, check=False)


@pytest.mark.parametrize("word", ["--help", "-h", "help"])
def test_help_names_every_command_and_setting(word: str) -> None:
    result = run(word)

    assert result.returncode == 0
    for name in ("test", "check", "bench", "demo", "setup"):
        assert f"./run {name}" in result.stdout
    for name in ("TINBAO_PORT", "TINBAO_HOME", "TINBAO_DATABASE_URL", "TINBAO_MODE"):
        assert name in result.stdout


def test_an_unknown_command_is_answered_with_the_help() -> None:
    result = run("srve")

    assert result.returncode == 1
    assert "./run test" in result.stderr
    assert "there is no command 'srve'" in result.stderr
