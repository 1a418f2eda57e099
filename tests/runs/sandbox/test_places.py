"""What commands may read of a machine."""

from pathlib import Path

from portal.runs.sandbox import places


def python_in(folder: Path) -> Path:
    """A folder that looks like an installed Python; its program."""
    (folder / "bin").mkdir(parents=True)
    (folder / "lib" / "python3.12").mkdir(parents=True)
    program = folder / "bin" / "python3.12"
    program.touch()
    return program


def test_virtual_environment_comes_with_the_python_it_leads_to(tmp_path: Path) -> None:
    base = python_in(tmp_path / "base")
    environment = tmp_path / "environment"
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").touch()
    (environment / "bin" / "python").symlink_to(base)

    found = places.of_interpreter(str(environment / "bin" / "python"))

    assert found == [environment, tmp_path / "base"]


def test_link_in_a_home_folder_does_not_open_the_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python").symlink_to(python_in(tmp_path / "base"))

    found = places.of_interpreter(str(home / "bin" / "python"))

    assert home not in found
    assert tmp_path / "base" in found


def test_links_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")

    assert set(places.of_interpreter(str(tmp_path / "a"))) == {tmp_path / "a", tmp_path / "b"}


def test_configuration_of_other_services_is_not_among_the_systems_files() -> None:
    found = {str(path) for path in places.of_system()}

    assert "/usr" in found
    assert not found & {"/etc", "/etc/shadow", "/root", "/home", "/var"}


def test_program_beside_a_python_brings_itself_alone(tmp_path: Path) -> None:
    (tmp_path / "lib" / "python3.12").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "quarto").touch()

    assert places.of_interpreter(str(tmp_path / "bin" / "quarto")) == [tmp_path / "bin" / "quarto"]


def test_system_is_never_one_whole() -> None:
    assert Path("/") not in places.of_interpreter("/bin/sh")
    assert Path("/") not in places.of_interpreter("/bin/python3")
