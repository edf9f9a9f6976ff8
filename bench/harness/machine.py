"""The machine on which the figures were measured."""
import os
import platform
import re
import subprocess
import time

LOAD_MAX = 0.5  # of other programs: above it timed figures are worth little
LOAD_SECONDS_MAX = 180  # the load of the build before needs so long to decay


def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as table:
        return next((line.split(":", 1)[1].strip()
                     for line in table if line.startswith("model name")), platform.machine())


def package(name):
    """Debian's version of a package, without the epoch and Debian's own number."""
    version = output_of("dpkg-query", "--show", "--showformat=${Version}", name)
    return re.sub(r"^\d+:|-[^-]*$", "", version) or "unknown"


def cached(build, variable):
    try:
        with open(build / "CMakeCache.txt", encoding="utf-8") as cache:
            return next((line.split("=", 1)[1].strip()
                         for line in cache if line.startswith(f"{variable}:")), "")
    except OSError:
        return ""


def compiler(build):
    path = cached(build, "CMAKE_CXX_COMPILER")
    return output_of(path, "--version").splitlines()[0] if path else "unknown"


def commit():
    name = output_of("git", "rev-parse", "--short", "HEAD") or "unknown"
    changed = output_of("git", "status", "--porcelain", "--", "host", "sdk", "plugins", "client",
                        "bench")
    return name + (" with changes" if changed else "")


def load():
    return os.getloadavg()[0]


def description(build):
    return {
        "Processor": processor(),
        "Processors": str(os.cpu_count()),
        "Virtual": output_of("systemd-detect-virt") or "unknown",
        "Kernel": platform.release(),
        "Compiler": compiler(build),
        "Build": cached(build, "CMAKE_BUILD_TYPE") or "unknown",
        "Asio": package("libasio-dev"),
        "libuv": package("libuv1-dev"),
        "liburing": package("liburing-dev"),
        "wrk": package("wrk"),
        "Commit": commit(),
    }


def quiet_load(progress):
    """The load average as soon as it is low, or after a wait that did not help."""
    deadline = time.monotonic() + LOAD_SECONDS_MAX
    while load() > LOAD_MAX and time.monotonic() < deadline:
        progress.step(f"load average {load():.2f}: waiting, at most {LOAD_SECONDS_MAX} s, for it "
                      f"to fall below {LOAD_MAX}")
        time.sleep(1)
    return load()
