"""What is saved comes back; what is damaged is refused; what fails leaves nothing."""

from __future__ import annotations

import copy
import errno
import os
from pathlib import Path

import pytest

import chainrule as cr
from chainrule.errors import ChainruleError, ModelFileError
from chainrule.storage import read_model, write_model
from chainrule.tabular import FILES, TableModel, check_folder


@pytest.fixture
def saved(species, tmp_path) -> Path:
    return species.save(tmp_path / "model")


@pytest.mark.parametrize("name", ["species", "progression"])
def test_everything_comes_back(name, request, tmp_path, penguins, diabetes):
    model = request.getfixturevalue(name)
    frame = penguins if name == "species" else diabetes
    model.save(tmp_path / "model")
    back = TableModel.load(tmp_path / "model")
    assert (back.encoder, back.results, back.histories) == (model.encoder, model.results, model.histories)
    assert back.settings == model.settings
    assert back.predict(frame).equals(model.predict(frame))
    back.save(tmp_path / "again")
    for file in FILES:
        assert (tmp_path / "again" / file).read_bytes() == (tmp_path / "model" / file).read_bytes()


def test_exactly_four_files(saved):
    assert sorted(p.name for p in saved.iterdir()) == sorted(FILES)
    assert [p.name for p in saved.parent.iterdir()] == ["model"]


def test_the_network_loads_alone(saved, species):
    assert cr.load(saved).parameters["W1"].tolist() == species.network.parameters["W1"].tolist()


def test_the_history_has_a_line_for_each_epoch(saved, species):
    lines = (saved / "history.csv").read_text().splitlines()
    assert lines[0].startswith("member,epoch,loss,validation_loss,")
    assert len(lines) == 1 + sum(map(len, species.histories))
    assert lines[-1].startswith(f"{len(species.histories)},{len(species.histories[-1])},")


def damaged(description):
    """Each value of a description, replaced by values of other kinds or left out."""

    def walk(value, path):
        yield path
        if isinstance(value, dict):
            for key in value:
                yield from walk(value[key], [*path, key])
        elif isinstance(value, list) and value:
            yield from walk(value[0], [*path, 0])

    for path in walk(description, []):
        if not path or path[0] in ("settings", "checksum", "format", "inputs"):
            continue
        for wrong in (None, -1, "odd", [], {}, [[]], 7, KeyError):
            changed = copy.deepcopy(description)
            place = changed
            for key in path[:-1]:
                place = place[key]
            if wrong is KeyError:
                del place[path[-1]]
            else:
                place[path[-1]] = wrong
            yield ".".join(map(str, path)), wrong, changed


@pytest.mark.parametrize("name", ["species", "progression"])
def test_a_description_of_another_kind_is_refused_or_taken(name, request, tmp_path):
    """Never another error, even where the checksum fits, as from another version or another program."""
    folder = request.getfixturevalue(name).save(tmp_path / "model")
    description, arrays = read_model(folder)
    refused = 0
    for where, wrong, changed in damaged(description):
        del changed["checksum"]
        write_model(folder, changed, arrays)
        try:
            TableModel.load(folder)
        except ModelFileError:
            refused += 1
        except Exception as error:
            pytest.fail(f"{where} = {wrong!r}: {error!r}")
    assert refused > 300


def test_a_change_of_one_character_is_noticed(saved):
    text = (saved / "model.json").read_text()
    place = text.index('"mean": ') + len('"mean": ') + 3
    (saved / "model.json").write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])
    with pytest.raises(ModelFileError, match="damaged"):
        TableModel.load(saved)


def test_a_network_of_another_table_is_refused(saved):
    description, arrays = read_model(saved)
    description["table"]["columns"].pop()
    del description["checksum"]
    write_model(saved, description, arrays)
    with pytest.raises(ModelFileError, match="does not belong to the table"):
        TableModel.load(saved)


def test_a_network_without_a_table(tmp_path):
    (tmp_path / "net").mkdir()
    cr.mlp([2, 1]).save(tmp_path / "net")
    with pytest.raises(ModelFileError, match="without a table"):
        TableModel.load(tmp_path / "net")


@pytest.mark.parametrize("file", FILES)
def test_a_failure_in_any_file_leaves_nothing(file, species, tmp_path, monkeypatch):
    failing_at(file, monkeypatch)
    with pytest.raises(ChainruleError, match="No space left on device"):
        species.save(tmp_path / "deep" / "er" / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", FILES)
def test_a_failure_keeps_the_earlier_model(file, species, tmp_path, monkeypatch):
    folder = species.save(tmp_path / "model")
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    failing_at(file, monkeypatch)
    with pytest.raises(ChainruleError, match="nothing was left"):
        species.save(folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def failing_at(file, monkeypatch):
    """A disk that is full when a file of this name is to be written."""
    real_touch, real_open = Path.touch, open

    def touch(path, *arguments, **settings):
        if file in path.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real_touch(path, *arguments, **settings)

    def opened(path, *arguments, **settings):
        if str(path).endswith(".partial/" + file):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real_open(path, *arguments, **settings)

    monkeypatch.setattr(Path, "touch", touch)
    monkeypatch.setattr("builtins.open", opened)


def test_checking_a_folder_leaves_no_trace(tmp_path):
    check_folder(tmp_path / "new" / "er")
    check_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []
