"""Running a child process and taking its time and memory; facts about the machine."""

import os
import platform
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from statistics import median


class Failed(Exception):
    """A child process failed."""


@dataclass
class Run:
    """One run of a process, from before its start until after its end."""

    wall: float  # seconds
    processor: float  # seconds, user and system, of the process and the children that it waited for
    memory: int  # bytes; largest resident set of the process, or of the largest of its children


@dataclass
class Series:
    """Several runs of the same command."""

    name: str
    command: list
    runs: list = field(default_factory=list)
    error: str | None = None

    @property
    def minimum(self):
        return min(run.wall for run in self.runs)

    @property
    def median(self):
        return median(run.wall for run in self.runs)

    @property
    def processor(self):
        return median(run.processor for run in self.runs)

    @property
    def memory(self):
        return max(run.memory for run in self.runs)

    def as_dict(self):
        runs = [{"wall_seconds": run.wall, "processor_seconds": run.processor, "memory_bytes": run.memory} for run in self.runs]
        return {"name": self.name, "runs": runs, "error": self.error}


def run_once(command, output=None, timeout=None):
    """Runs a command, its output to a file or to nowhere. Raises Failed when it does not end with 0, or not in time."""
    with open(output or os.devnull, "wb") as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        # A session of its own, so that what it starts ends with it.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
        watch = threading.Timer(timeout or threading.TIMEOUT_MAX, os.killpg, [child.pid, signal.SIGKILL])
        watch.daemon = True
        watch.start()
        try:
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.perf_counter() - start
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        finally:
            watch.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            err.seek(0)
            lines = [line for line in err.read().decode(errors="replace").splitlines() if line.strip()]
            late = timeout and wall >= timeout
            reason = f"no answer in {timeout:.0f} s" if late else f"exit code {child.returncode}"
            raise Failed(f"{reason}{': ' + lines[-1][:300] if lines else ''}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def first_line(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


def load():
    """Load average of the last minute."""
    return os.getloadavg()[0]


def machine():
    """Name and value of what the figures depend on."""
    model, memory = "unknown", 0
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("MemTotal"):
                memory = int(line.split()[1]) * 1024
    return {
        "Processor": f"{model}, {platform.machine()}",
        "Cores": str(len(os.sched_getaffinity(0))),
        "Memory": f"{memory / 2**30:.1f} GiB",
        "Kernel": f"{platform.system()} {platform.release()}",
    }
