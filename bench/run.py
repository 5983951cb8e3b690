"""Compares Palisade with DuckDB, ClickHouse and a plain Python reader, and with the floor, in one run on the same files.

Start it with run.sh. What is asked is in question.md, what is measured and how in README.md.
"""

import argparse
import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import writing
from measuring import Failed, Series, first_line, load, machine, run_once

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DATA = HERE / "data"
PARTS = ["start", "sample", "queries", "realistic", "large", "memory"]


def arguments():
    parser = argparse.ArgumentParser(prog="bench/run.sh", description="The benchmark. Results go to bench/results.")
    parser.add_argument("--events", type=int, default=1_000_000, help="records of the comparison [1000000]")
    parser.add_argument("--memory-events", type=int, nargs=2, default=[1_000_000, 10_000_000], metavar="N",
                        help="the two sizes whose memory is compared [1000000 10000000]")
    parser.add_argument("--runs", type=int, default=5, help="runs of each tool [5]")
    parser.add_argument("--slow", type=float, default=20, help="a tool whose run takes longer than this many seconds has 3 runs [20]")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds after which a run counts as failed [1800]")
    parser.add_argument("--threads", type=int, default=2, help="threads of each tool [2]")
    parser.add_argument("--large-files", type=int, default=10, help="files of the layout of few large files [10]")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part only; repeat for more")
    parser.add_argument("--quick", action="store_true",
                        help="20,000 records, 2 runs, memory at 20,000 and 200,000 records; results to results/quick.md")
    parser.add_argument("--palisade", type=Path, help="this program, instead of building the optimized one")
    parser.add_argument("--name", help="name of the files in results [latest, or quick]")
    options = parser.parse_args()
    if options.quick:
        options.events, options.runs, options.memory_events = 20_000, 2, [20_000, 200_000]
    options.name = options.name or ("quick" if options.quick else "latest")
    options.only = options.only or PARTS
    return options


def say(text):
    print(text, file=sys.stderr, flush=True)


def build(folder):
    """Builds the optimized programs of a package. Returns their paths by name."""
    command = ["cargo", "build", "--release", "--locked", "--message-format=json-render-diagnostics"]
    built = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout
    messages = (json.loads(line) for line in built.splitlines() if line.startswith("{"))
    return {message["target"]["name"]: Path(message["executable"]) for message in messages if message.get("executable")}


class Benchmark:
    def __init__(self, options):
        self.options = options
        self.floor = build(HERE / "floor")
        self.palisade = (options.palisade or build(ROOT)["palisade"]).resolve()
        self.question = (HERE / "palisade.sql").read_text(encoding="utf-8").strip()
        self.answers = DATA / "answers"
        self.answers.mkdir(parents=True, exist_ok=True)
        self.wrong = []
        self.results = {
            "taken_at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            "machine": machine(),
            "versions": self.versions(),
            "options": {name: value for name, value in vars(options).items() if name not in ("palisade", "name")},
            "load_before": load(),
            "parts": {},
        }

    def versions(self):
        # In a process of its own: a child starts with the largest resident set of its parent, so this one must stay small.
        clickhouse = first_line([sys.executable, "-c", "import chdb; print(chdb.query('SELECT version()', 'TSV'), end='')"])
        locked = (HERE / "floor" / "Cargo.lock").read_text(encoding="utf-8")
        crate = dict(re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"', locked))
        return {
            "Palisade": first_line([str(self.palisade), "--version"]),
            "DuckDB": version("duckdb"),
            "ClickHouse": f"{clickhouse} (chdb {version('chdb')})",
            "Python": sys.version.split()[0],
            "Floor": f"libdeflater {crate['libdeflater']}, sonic-rs {crate['sonic-rs']}",
            "Compiler": first_line(["rustc", "--version"]),
        }

    # Data

    def generator(self):
        """Says whether generated files are still what the generator would make."""
        digest = hashlib.sha256()
        for path in sorted([ROOT / "src" / "sample.rs", *(ROOT / "src" / "sample").rglob("*.rs")]):
            digest.update(path.read_bytes())
        digest.update((HERE / "floor" / "src" / "bin" / "prepare.rs").read_bytes())
        return digest.hexdigest()

    def generate(self, events, large_files=0, the_sample=False):
        """A sample organization of so many records, and the same records in few large files if any are wanted. Made if it is not
        there yet. Its number of accounts is the same at every size. `the_sample`: the one of samples/, with its perimeter definition."""
        folder = DATA / (f"sample-{events}" if the_sample else f"{events}")
        stamp = folder / "benchmark.json"
        wanted = {"generator": self.generator(), "large_files": large_files}
        if stamp.exists():
            made = json.loads(stamp.read_text(encoding="utf-8"))
            if made["generator"] == wanted["generator"] and large_files in (0, made["large_files"]):
                return folder, made
        say(f"generating {events:,} records")
        shutil.rmtree(folder, ignore_errors=True)
        command = [str(self.palisade), "sample", "generate", "--events", str(events)]
        if not the_sample:
            command += ["--accounts", "20", "--seed", "1"]
        took = run_once([*command, "--output", str(folder / "organization")])
        wanted["generate_seconds"] = took.wall
        if large_files:
            trail, large = folder / "organization" / "trail", folder / "large"
            prepared = subprocess.run(
                [str(self.floor["prepare"]), str(trail), str(large), str(large_files)], capture_output=True, text=True, check=True
            )
            wanted.update(json.loads(prepared.stdout))
        stamp.write_text(json.dumps(wanted), encoding="utf-8")
        return folder, wanted

    def floor_of(self, walk, folder):
        return [str(self.floor["floor"]), walk, str(folder), str(self.options.threads)]

    def walked(self, folder):
        """Files, bytes, records and selected calls of a folder; and every file read, so that all are in memory."""
        return json.loads(subprocess.run(self.floor_of("lazy", folder), capture_output=True, text=True, check=True).stdout)

    # Measuring

    def repeat(self, series, check):
        """Runs the commands in turn, so that what else the machine does meets all of them."""
        for number in range(self.options.runs):
            for one in series:
                slow = one.runs and one.runs[0].wall > self.options.slow
                if one.error or (slow and number >= 3):
                    continue
                output = self.answers / f"{re.sub('[^a-z]+', '-', one.name.lower())}.csv"
                if self.attempt(one, one.command, output):
                    check(one, output)

    def attempt(self, one, command, output=None, quiet=False):
        """Adds one run to a series; a failure ends the series. True if it ran."""
        try:
            one.runs.append(run_once(command, output, self.options.timeout))
        except Failed as error:
            one.error = str(error)
            say(f"  {one.name}: {error}")
            return False
        if not quiet:
            say(f"  {one.name}: {one.runs[-1].wall:.3f} s, {one.runs[-1].memory / 2**20:.0f} MiB")
        return True

    def start(self):
        """How long it takes to start: part of every time of the comparison."""
        python = [sys.executable, "-c"]
        duckdb = f"import duckdb; duckdb.connect(config={{'threads': {self.options.threads}}}).execute('SELECT 1').fetchall()"
        series = [
            Series("palisade --help", [str(self.palisade), "--help"]),
            Series("palisade --version", [str(self.palisade), "--version"]),
            Series("DuckDB, `SELECT 1`", [*python, duckdb]),
            Series("ClickHouse, `SELECT 1`", [*python, "import chdb; chdb.query('SELECT 1')"]),
            Series("Python, `pass`", [*python, "pass"]),
        ]
        for one in series:
            # The first run reads the program from the disk.
            for _ in range(21):
                self.attempt(one, one.command, quiet=True)
            del one.runs[:1]
        return {"series": [one.as_dict() for one in series]}, series

    def sample(self):
        """The sample organization, all queries, all formats."""
        settings = ROOT / "samples" / "palisade.yaml"
        command = [str(self.palisade), "run", "--quiet", "--config", str(settings)]
        series = [
            Series("the formats of its settings", command),
            Series("every format", [*command, "--format", "html,xlsx,json,ndjson,csv,parquet"]),
        ]
        with tempfile.TemporaryDirectory() as folder:
            for number in range(self.options.runs):
                for one in series:
                    output = f"{folder}/{number}-{series.index(one)}"
                    self.attempt(one, [*one.command, "--output", output])
        return {"series": [one.as_dict() for one in series]}, series

    def comparison(self, layout):
        folder, made = self.generate(self.options.events, self.options.large_files)
        folder = folder / ("organization/trail" if layout == "realistic" else "large")
        facts = self.walked(folder)
        facts["compressed"] = sum(path.stat().st_size for path in folder.rglob("*.json.gz"))
        facts["largest"] = made["largest" if layout == "realistic" else "large_largest"]
        facts["taken_out"] = made["taken_out"]
        threads, readers = str(self.options.threads), HERE / "readers"
        # DuckDB's buffers hold the largest file, with a little room.
        largest = str(facts["largest"] * 21 // 20 + 65_536)

        def reader(file, *rest):
            return [sys.executable, str(readers / file), str(folder), threads, *rest]

        sql = [str(self.palisade), "sql", "--quiet", "--threads", threads, "--events", str(folder), self.question]
        series = [
            Series("Floor: inflate", self.floor_of("inflate", folder)),
            Series("Floor: inflate and walk, lazy", self.floor_of("lazy", folder)),
            Series("Floor: inflate and walk, typed", self.floor_of("typed", folder)),
            Series("Palisade", sql),
            Series("ClickHouse, as structure", reader("clickhouse_reader.py", "structure")),
            Series("ClickHouse, as text", reader("clickhouse_reader.py", "text")),
            Series("DuckDB, read_json", reader("duckdb_reader.py", largest, "columns")),
            Series("DuckDB, JSON paths", reader("duckdb_reader.py", largest, "paths")),
            Series("Python", reader("plain_reader.py")),
        ]
        answers = {}

        def check(one, output):
            """Every answer is compared with the first one, and its calls with those that the floor selected."""
            if one.name.startswith("Floor"):
                if "inflate and" in one.name and json.loads(output.read_text())["selected"] != facts["selected"]:
                    self.disagree(layout, one, "selects another number of calls than the floor before")
                return
            answer = read_answer(output)
            if sum(answer.values()) != facts["selected"]:
                self.disagree(layout, one, f"counts {sum(answer.values())} calls, the floor {facts['selected']}")
            first = answers.setdefault("first", (one.name, answer))
            if answer != first[1]:
                differing = sorted((first[1] - answer) + (answer - first[1]), key=str)[:3]
                self.disagree(layout, one, f"differs from {first[0]}, at {differing}")
            facts["rows"] = len(answer)

        self.repeat(series, check)
        return {"facts": facts, "series": [one.as_dict() for one in series]}, series

    def queries(self):
        """Every named query over events by itself, and all of them in one run, over all accounts of the sample organization."""
        folder, _ = self.generate(self.options.events, the_sample=True)
        trail, settings = folder / "organization" / "trail", folder / "organization" / "palisade.yaml"
        facts = self.walked(trail)
        listed = json.loads(subprocess.run([str(self.palisade), "queries", "list", "--format", "json"], check=True,
                                           stdout=subprocess.PIPE, text=True).stdout)
        names = [query["name"] for query in listed if query["over"] == "events" and query.get("reported", True)]
        with tempfile.TemporaryDirectory() as output:
            run = [str(self.palisade), "run", "--quiet", "--threads", str(self.options.threads), "--config", str(settings),
                   "--format", "json", "--output", f"{output}/run"]
            alone = [Series(name, [*run, "--query", name]) for name in names]
            together = Series("all queries", [*run, *[word for name in names for word in ("--query", name)]])
            for one in [*alone, together]:
                for _ in range(min(3, self.options.runs)):
                    self.attempt(one, one.command)
        return {"facts": facts, "series": [one.as_dict() for one in [*alone, together]]}, [*alone, together]

    def disagree(self, layout, one, how):
        text = f"{layout}: {one.name} {how}"
        if text not in self.wrong:
            self.wrong.append(text)
            say(f"  WRONG {text}")

    def memory(self):
        """The same question, and a whole run, of two sizes."""
        found, shown = [], []
        for events in self.options.memory_events:
            # The comparison's own folder is taken where the sizes agree.
            large_files = self.options.large_files if events == self.options.events else 0
            folder, made = self.generate(events, large_files)
            trail, settings = folder / "organization" / "trail", folder / "organization" / "palisade.yaml"
            facts = self.walked(trail)
            threads = ["--threads", str(self.options.threads)]
            question = Series("question", [str(self.palisade), "sql", "--quiet", *threads, "--events", str(trail), self.question])
            with tempfile.TemporaryDirectory() as output:
                run = ["run", "--quiet", *threads, "--config", str(settings), "--format", "json", "--output", f"{output}/run"]
                whole = Series("all queries", [str(self.palisade), *run])
                say(f"  {events:,} records")
                for one in [question, question, whole]:
                    self.attempt(one, one.command)
            shown.append((events, facts, made.get("generate_seconds"), [question, whole]))
            found.append({"events": events, "facts": facts, "generate_seconds": made.get("generate_seconds"),
                          "series": [question.as_dict(), whole.as_dict()]})
        return {"sizes": found}, shown

    # Everything

    def all(self):
        shown = {}
        for part in PARTS:
            if part not in self.options.only:
                continue
            say(f"{part} (load average {load():.2f})")
            before = load()
            if part in ("realistic", "large"):
                self.results["parts"][part], shown[part] = self.comparison(part)
            else:
                self.results["parts"][part], shown[part] = getattr(self, part)()
            self.results["parts"][part]["load"] = [before, load()]
            self.results["wrong"] = self.wrong
            results = HERE / "results"
            results.mkdir(exist_ok=True)
            (results / f"{self.options.name}.json").write_text(json.dumps(self.results, indent=1) + "\n", encoding="utf-8")
            (results / f"{self.options.name}.md").write_text(writing.markdown(self.results, shown), encoding="utf-8")
        print((HERE / "results" / f"{self.options.name}.md").read_text(encoding="utf-8"))
        return 1 if self.wrong else 0


def read_answer(path):
    """The answer as a number of calls for each role, event name and bucket."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        if next(rows, None) != ["role", "event_name", "bucket", "calls"]:
            return Counter()
        return Counter({tuple("" if cell == r"\N" else cell for cell in row[:3]): int(row[3]) for row in rows})


if __name__ == "__main__":
    os.chdir(HERE)
    sys.exit(Benchmark(arguments()).all())
