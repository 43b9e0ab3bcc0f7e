"""Several devices of one process: the same path of parameters as on NumPy, each device with its share of the work."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.engines.choice import engine_from_json, engine_to_json
from chainrule.engines.jax import jax_many_run

SCRIPT = Path(__file__).with_name("devices_of_one_process.py")


@pytest.fixture(scope="module")
def found():
    """What a process with four devices found; the number of devices is fixed when JAX starts."""
    made = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, timeout=500, check=False)
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


def test_rows_and_units_on_several_devices_follow_numpy_whether_or_not_the_devices_divide_them(found):
    assert len(found["differences"]) == 4
    assert max(found["differences"].values()) < 1e-12, found["differences"]


def test_each_device_multiplies_its_share_of_rows_and_units_alone(found):
    """Of 8 rows and 6 units, on 2 by 2 devices: 4 rows of 3 units."""
    products = re.findall(r"= f64\[([\d,]+)\]\S* (?:dot|custom-call)\(", found["each device"])
    assert "4,3" in products
    assert not {"8,6", "8,3", "4,6"} & set(products)


def test_the_loss_and_all_gradients_are_added_up_in_one_exchange(found):
    assert found["exchanges"] == 1


def test_devices_that_are_not_there_are_an_error_with_their_number(found):
    assert found["too many"] == "EngineError: JAX has 4 cpu device(s) here, not 5: ask for fewer"


def test_a_split_that_divides_no_layer_is_an_error(found):
    assert found["nothing wide"].startswith("ArgumentError: split=2 divides no layer: none has 4096 units or more")


def test_devices_that_have_a_part_of_a_stream_each_learn_what_numpy_does(found):
    wanted, divided = map(np.array, found["streams"])
    assert divided == pytest.approx(wanted, abs=1e-12 * np.max(np.abs(wanted)))


def test_rows_of_an_embedding_get_the_gradients_of_all_devices(found):
    wanted, *divided = map(np.array, found["embedded"])
    for each in divided:
        assert each == pytest.approx(wanted, abs=1e-12 * np.max(np.abs(wanted)))


def test_members_train_one_after_another_to_the_parameters_of_numpy(found):
    wanted, members = map(np.array, found["members"])
    assert members == pytest.approx(wanted, abs=1e-5 * np.max(np.abs(wanted)))


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"devices": 0}, "devices must be a whole number from 1, not 0"),
        ({"wide": 1.5}, "wide must be a whole number from 1, not 1.5"),
        ({"devices": 4, "split": 3}, "split=3 does not divide devices=4"),
    ],
)
def test_numbers_that_make_no_mesh_are_an_error(settings, problem):
    with pytest.raises(cr.ArgumentError, match=problem):
        cr.JaxEngine(**settings)


def test_an_engine_with_devices_survives_json():
    engine = cr.JaxEngine(devices=np.int64(8), split=2, wide=1024)
    assert engine_from_json(json.loads(json.dumps(engine_to_json(engine)))) == engine


def test_networks_side_by_side_refuse_several_devices():
    with pytest.raises(cr.ArgumentError, match="several networks train on one device"):
        jax_many_run(None, cr.JaxEngine(devices=2))


def test_lbfgs_refuses_several_devices():
    with pytest.raises(cr.ArgumentError, match="LBFGS trains on one device: leave devices and split out"):
        cr.mlp([1, 1]).fit([[0.0]], [1.0], optimizer=cr.LBFGS(), batch_size="all", engine=cr.JaxEngine(devices=2))


def test_a_split_without_devices_is_an_error():
    with pytest.raises(
        cr.ArgumentError, match="split=2 does not divide 1 device: choose one that does, or more devices"
    ):
        cr.mlp([1, 2, 1]).fit([[0.0]], [1.0], epochs=1, engine=cr.JaxEngine(split=2, wide=2))
