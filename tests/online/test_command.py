"""``chainrule train - --online``: a stream in, a model folder out."""

import io
import itertools
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.online import folder, sources
from chainrule.online.lines import LineReader
from chainrule.online.tables import OnlineTable

HEADER = "a,b,colour,y"


@pytest.fixture(scope="module")
def table():
    """Lines of a table whose target follows from a number and a colour."""
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=1500), rng.normal(50, 20, size=1500)
    colour = rng.choice(["red", "blue", "green"], 1500)
    y = 3 * a + 5 * (colour == "red") + 100 + 0.1 * rng.normal(size=1500)
    return [f"{p:.4f},{q:.2f},{c},{t:.4f}" for p, q, c, t in zip(a, b, colour, y, strict=True)]


@dataclass
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def train(lines, folder, *options, target="y", data="-"):
    """Run the command in this process, with these lines as its standard input."""
    text = "".join(f"{line}\n" for line in lines).encode()
    command = ["train", data, "--online", "--target", target, "--out", str(folder), *options]
    out, err = io.StringIO(), io.StringIO()
    given = (lambda source: iter([text])) if data == "-" else sources.stream_bytes
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sources, "stream_bytes", given)
        with pytest.raises(SystemExit) as ended:
            main(command)
    return Done(ended.value.code, out.getvalue(), err.getvalue())


def learnt(lines, target="y", format="csv", **settings):
    """What is learnt of lines, without a folder."""
    table = OnlineTable(target, **{"warm_up": 200, **settings})
    table.consume([f"{line}\n".encode() for line in lines], LineReader(format))
    return table


def weights(table_or_folder):
    found = table_or_folder.model() if isinstance(table_or_folder, OnlineTable) else cr.TableModel.load(table_or_folder)
    return found.network.parameters.theta


@pytest.fixture(scope="module")
def trained(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("online") / "model"
    return train([HEADER, *table], folder, "--warm-up", "200", "--json"), folder


def test_a_stream_leaves_a_model_folder_that_predicts(table, trained):
    done, folder = trained
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["rows"] == 1500
    assert found["windowed"]["r2"] > 0.9
    assert found["windowed"]["loss"] < found["running"]["loss"]
    assert sorted(p.name for p in folder.iterdir()) == ["history.csv", "model.json", "model.safetensors", "report.html"]
    model = cr.TableModel.load(folder)
    frame = pl.read_csv("\n".join([HEADER, *table[-300:]]).encode())
    missed = model.predict(frame)["prediction"] - frame["y"]
    assert missed.abs().mean() < 0.5 * frame["y"].std()
    assert {"low 0.9", "high 0.9"} < set(model.predict(frame, interval=0.9).columns)


def test_the_report_shows_the_curves_and_says_what_is_not_there(trained):
    _, folder = trained
    page = (folder / "report.html").read_text()
    for expected in ("learnt online", "1500 rows were learnt one by one", "What is not here", "No rows were held out"):
        assert expected in page
    assert page.count("<svg") == 2
    for expected in (
        "Adam with a learning rate of 0.001",
        "W2 (64, 64)",
        "chainrule train - --target y --seed 0 --online",
    ):
        assert expected in page
    curve = pl.read_csv(folder / "history.csv")
    assert curve.columns[:4] == ["rows", "loss", "loss_window", "loss_fading"]
    assert curve["rows"].to_list() == list(range(250, 1501, 250))


def test_the_loss_of_a_row_is_that_of_the_model_of_the_rows_before_it(table):
    before, after = learnt([HEADER, *table[:400]]), learnt([HEADER, *table[:401]])
    of_the_last = after.record.running()["loss"] * 401 - before.record.running()["loss"] * 400
    frame = pl.read_csv("\n".join([HEADER, table[400]]).encode())
    X, y = before.encoder.encode(frame), before.encoder.encode_target(frame)
    assert of_the_last == pytest.approx(before.model().network.loss(X, y), rel=1e-4)


def test_a_later_stream_goes_on_from_a_model_to_the_same_bits(table, tmp_path, trained):
    half, rest = tmp_path / "half", tmp_path / "rest"
    train([HEADER, *table[:700]], half, "--warm-up", "200")
    done = train(table[700:], rest, "--from", str(half), "--header", HEADER)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(weights(rest), weights(trained[1]))
    assert cr.TableModel.load(rest).settings["online"]["rows"] == 1500
    assert "went on from a model that had learnt 700 rows" in (rest / "report.html").read_text()


def test_a_model_that_train_left_can_learn_online(table, tmp_path):
    file, offline = tmp_path / "table.csv", tmp_path / "offline"
    file.write_text("\n".join([HEADER, *table[:300]]) + "\n")
    arguments = ["--target", "y", "--out", str(offline), "--epochs", "3", "--members", "2", "--hidden", "8"]
    with pytest.raises(SystemExit) as ended:
        main(["train", str(file), *arguments])
    assert ended.value.code == 0
    done = train([HEADER, *table[300:500]], tmp_path / "online", "--from", str(offline), "--json")
    assert json.loads(done.stdout)["rows"] == 200, done.stderr


def test_lines_of_json_give_the_same_model_as_csv(table, trained):
    names = HEADER.split(",")
    rows = [dict(zip(names, line.split(","), strict=True)) for line in table]
    numbers = [{k: v if k == "colour" else float(v) for k, v in row.items()} for row in rows]
    numbers[1000]["extra"] = [1]  # a key that no column has
    found = learnt(map(json.dumps, numbers), format="jsonl")
    assert np.array_equal(weights(found), weights(trained[1]))


BAD = {
    50: ("nothing,1,red,3", "column 'a': 'nothing' is not a number"),  # among the first rows
    51: ("1,2,red,NA", "the target 'y' is missing"),
    600: ("1,2,red", "3 values instead of 4: '1,2,red'"),
    601: ("1,2,red,4,5", "5 values instead of 4"),
    602: ("much,2,red,3", "column 'a': 'much' is not a number"),
    603: ("1,2,red,", "the target 'y' is missing"),
    604: ('1,2,"red,3', "no CSV"),
}


def test_lines_that_cannot_be_used_are_named_left_out_and_change_nothing(table, trained):
    lines = [HEADER, *table]
    for place, (line, _) in sorted(BAD.items()):
        lines.insert(place, line)
    lines.insert(700, "")  # a line that holds nothing is no row, and no trouble
    found = learnt(lines)
    assert found.skipped == len(BAD)
    said = {problem.line: problem.problem for problem in found.problems}
    assert said.keys() == {place + 1 for place in BAD}
    for place, (_, why) in BAD.items():
        assert said[place + 1].startswith(why)
    assert np.array_equal(weights(found), weights(trained[1]))


def test_bad_lines_are_named_on_stderr_up_to_a_number(table, tmp_path):
    done = train([HEADER, *table[:150], *["1,2"] * 12], tmp_path / "m", "--warm-up", "100")
    assert done.returncode == 0
    assert done.stderr.count("2 values instead of 4: '1,2'; left out") == 10
    assert "counted only" in done.stderr
    assert "12 lines left out" in done.stdout


def test_bytes_that_are_no_text_are_a_bad_line(table):
    reader = LineReader("csv")
    block = reader.read(b"a,b\n1,2\n\xff\xfe,3\n4,5\n")
    assert block.frame.rows() == [("1", "2"), ("4", "5")]
    assert [str(skipped).split(":")[:2] for skipped in block.skipped] == [["line 3", " no UTF-8"]]


@pytest.mark.parametrize("cut", [1, 7, 64, 1000])
def test_rows_do_not_depend_on_where_bytes_are_cut(cut):
    data = '\ufeffname,x\r\n"Müller, K.",1\r\n\r\nÅse,2\r\n"say ""hi""",NA'.encode()
    reader = LineReader("csv")
    parts = [reader.read(data[i : i + cut]) for i in range(0, len(data), cut)] + [reader.read(b"", last=True)]
    rows = [row for part in parts if part for row in part.frame.rows()]
    assert rows == [("Müller, K.", "1"), ("Åse", "2"), ('say "hi"', None)]
    assert [n for part in parts if part for n in part.lines.tolist()] == [2, 4, 5]


def test_unknown_categories_count_as_none_and_unknown_classes_are_left_out(table):
    colours = [f"{a},{c}" for a, _, c, _ in (line.split(",") for line in table[:400])]
    found = learnt(["a,colour", *colours, "1,mauve", "2,red"], target="colour", warm_up=100)
    (problem,) = found.problems
    assert str(problem).startswith("line 402: column 'colour': 'mauve' is no class that the model was trained on")
    signs = [f"{a},{c},{float(a) > 0}" for a, _, c, _ in (line.split(",") for line in table[:400])]
    found = learnt(["a,colour,up", *signs, "1,mauve,True"], target="up", warm_up=100)
    assert found.record.rows == 401
    assert found.record.windowed()["accuracy"] > 0.9


def test_ctrl_c_while_waiting_for_input_leaves_a_model_of_what_had_arrived(table, tmp_path):
    arguments = ["train", "-", "--online", "--target", "y", "--out", str(tmp_path / "m"), "--warm-up", "100"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-m", "chainrule", *arguments], **pipes, text=True)
    said = []
    for lines in ([HEADER, *table[:400]], table[400:500]):
        process.stdin.write("\n".join(lines) + "\n")
        process.stdin.flush()
        said.append(process.stderr.readline())
        time.sleep(1.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "columns learnt from 100 rows" in said[0]
    told = [line for line in [*said, *err.splitlines()] if " rows: loss " in line and "r2" in line]
    assert told[-1].startswith("chainrule: 500 rows")
    assert "Interrupted by Ctrl-C" in out
    model = cr.TableModel.load(tmp_path / "m")
    assert model.settings["online"]["rows"] == 500, "what had arrived was learnt without waiting for more"
    assert model.interrupted


def test_a_killed_stream_leaves_a_model_from_which_another_goes_on_to_the_same_bits(table, tmp_path, trained):
    command = ["train", "-", "--online", "--target", "y", "--out", str(tmp_path / "m"), "--warm-up", "200"]
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-m", "chainrule", *command, "--every", "0"], **pipes, text=True)
    process.stdin.write("\n".join([HEADER, *table[:700]]) + "\n")
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while not (tmp_path / "m" / "model.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.kill()
    process.communicate()
    kept = cr.TableModel.load(tmp_path / "m")
    assert "the stream went on" in kept.histories[0].stopped
    rows = kept.settings["online"]["rows"]
    assert 200 <= rows <= 700
    done = train([HEADER, *table[rows:]], tmp_path / "m", "--from", str(tmp_path / "m"))
    assert done.returncode == 0, done.stderr
    assert np.array_equal(weights(tmp_path / "m"), weights(trained[1]))


def test_a_model_that_cannot_be_written_meanwhile_ends_nothing(table, tmp_path, monkeypatch):
    failures = iter([True])

    def save(*arguments, **how):
        if next(failures, False):
            raise cr.ChainruleError("there is no space left on the disk")
        return plain(*arguments, **how)

    plain = folder.save
    monkeypatch.setattr(folder, "save", save)
    done = train([HEADER, *table[:500]], tmp_path / "m", "--warm-up", "200", "--every", "0")
    assert done.returncode == 0
    assert "no space left on the disk (learning goes on; the model is written later)" in done.stderr
    assert cr.TableModel.load(tmp_path / "m").settings["online"]["rows"] == 500


def serve(parts, pause=0.05):
    server = socket.create_server(("127.0.0.1", 0))

    def send():
        connection, _ = server.accept()
        with connection, server:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)

    threading.Thread(target=send, daemon=True).start()
    return server.getsockname()[1]


def test_a_socket_gives_the_same_model_however_its_bytes_are_cut(table, tmp_path, trained):
    data = ("\n".join([HEADER, *table]) + "\n").encode()
    cuts = [0, 3, 10, 2000, 2001, 30_000, len(data)]
    port = serve([data[a:b] for a, b in itertools.pairwise(cuts)])
    done = train([], tmp_path / "m", "--warm-up", "200", data=f"tcp://127.0.0.1:{port}")
    assert done.returncode == 0, done.stderr
    assert np.array_equal(weights(tmp_path / "m"), weights(trained[1]))


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        ([], (), "the stream is empty"),
        ([HEADER], (), "the stream gave 0 rows"),
        ([HEADER, "1,2,red,3"], (), "at least 10 are needed"),
        (["a,b,colour,z", *["1,2,red,3"] * 20], (), "unknown column of the stream 'y'"),
        (["a,a,y", "1,2,3"], (), "two columns of the stream are named 'a'"),
        ([HEADER, *["1,2,red,3"] * 20], (), "every row holds 3"),
        ([HEADER], ("--epochs", "3"), "--epochs is not for --online"),
        (["not json"], ("--format", "jsonl"), "no JSON"),
        ([HEADER], ("--warm-up", "3"), "3 is not in the range"),
        ([HEADER], ("--from", "nowhere"), "there is no model at nowhere"),
        ([HEADER], ("--from", "nowhere", "--hidden", "8"), "--hidden is not for --from"),
        ([HEADER], ("--from", "nowhere", "--warm-up", "50"), "--warm-up is not for --from"),
    ],
)
def test_what_cannot_be_learnt_from_is_one_error_and_no_folder(lines, options, message, tmp_path):
    done = train(lines, tmp_path / "m", *options)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rows.csv", "--online"], "'rows.csv' is no stream"),
        (["tcp://127.0.0.1:1", "--online"], "check that a server sends lines there"),
        (["tcp://..:1", "--online"], "check that a server sends lines there"),
        (["-"], "- is a stream of lines, and learnt from as they come: add --online"),
        (["tcp://127.0.0.1:1"], "add --online"),
        (["rows.csv", "--warm-up", "100"], "--warm-up needs --online"),
    ],
)
def test_a_source_that_is_none_is_one_error(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["train", *arguments, "--target", "y", "--out", str(tmp_path / "m")])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_what_was_learnt_before_an_error_is_kept(table, tmp_path):
    wild = [f"{line.rsplit(',', 1)[0]},1e30" for line in table[400:401]]
    done = train([HEADER, *table[:400], *wild], tmp_path / "m", "--warm-up", "200")
    assert done.returncode == 2
    assert "not finite at row 401 of the stream" in done.stderr
    assert "the model of the 400 rows before is in" in done.stderr
    assert cr.TableModel.load(tmp_path / "m").settings["online"]["rows"] == 400


def test_a_short_stream_has_a_curve_that_reaches_its_last_row(table, tmp_path):
    done = train([HEADER, *table[:130], "1,2"], tmp_path / "m", "--warm-up", "100", "--json")
    found = json.loads(done.stdout)
    (point,) = pl.read_csv(tmp_path / "m" / "history.csv").to_dicts()
    assert point["rows"] == 130
    assert point["loss"] == pytest.approx(found["running"]["loss"], rel=1e-12)
    page = (tmp_path / "m" / "report.html").read_text()
    assert "1 line could not be used" in page
    assert "<svg" not in page  # a point is no curve


@pytest.mark.parametrize("closed", ["<&-", "0>written"])
def test_a_standard_input_that_cannot_be_read_is_one_error(tmp_path, closed):
    command = f"exec {sys.executable} -m chainrule train - --online --target y --out m {closed}"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "standard input: " in line


def test_lines_without_a_target_are_not_kept():
    table, reader = OnlineTable("y"), LineReader("csv")
    with pytest.raises(cr.errors.DataError, match="the stream gave 0 rows"):
        table.consume([b"a,y\n"], reader)
    for _ in range(50):
        table._take(reader.read(b"1,NA\n"))
    assert len(table._early) == 1
