"""The real host, for a test: a process with a configuration of its own."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import time

START_SECONDS = 60


class Host:
    """`host --config NAME.json` in `folder`. `listeners` are those of the configuration."""

    def __init__(self, bin_folder, folder, name, listeners, admin, **rest):
        self.log_path = os.path.join(folder, name + ".log")
        config = os.path.join(folder, name + ".json")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"plugin_directory": os.path.join(bin_folder, "test_plugins"),
                       "listeners": listeners, "admin": admin, **rest}, file)
        with open(self.log_path, "wb") as log:
            self._process = subprocess.Popen(
                [os.path.join(bin_folder, "host"), "--config", name + ".json"], cwd=folder,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop(signal.SIGKILL)
            raise
        self.address = "http://127.0.0.1:%d/" % self.port("admin")

    def port(self, listener):
        return self._port(f"listener={listener} listening on")

    def stop(self, number=signal.SIGTERM):
        if self._process.poll() is None:
            self._process.send_signal(number)
        self._process.wait(START_SECONDS)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def _wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while not re.search(r" ready$", self.log(), re.M):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the host does not become ready:\n" + self.log())
            time.sleep(0.02)

    def _port(self, text):
        found = re.search(re.escape(text) + r" .*:(\d+)$", self.log(), re.M)
        if not found:
            raise RuntimeError(f"the log has no line \"{text} ADDRESS\":\n" + self.log())
        return int(found[1])


def lasting_port():
    """A free port that the system gives to nobody by itself, so that a host can return to it."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        first = int(file.read().split()[0])
    for _ in range(100):
        port = random.randrange(1024, first)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port below {first}")


def wait_until(condition, what, seconds=30):
    """Waits until condition() is true, and returns its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return value


def is_refused(port):
    """Nobody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), 10).close()
    except ConnectionRefusedError:
        return True
    return False


def send_until_closed(port, data):
    """Sends it on a connection of its own, and reads until the host closes that."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(data)
        try:
            while connection.recv(4096):
                pass
        except ConnectionResetError:
            pass


def echoes(connection, data):
    """What was sent comes back."""
    connection.sendall(data)
    received = b""
    while len(received) < len(data):
        piece = connection.recv(len(data) - len(received))
        if not piece:
            return False
        received += piece
    return received == data
