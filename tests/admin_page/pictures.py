#!/usr/bin/env python3
"""Makes the pictures of docs/guide/admin_page.md: the page after a minute of real traffic.

    tests/admin_page/pictures.py --bin build/linux/bin

Run it by hand if the page looks different.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

from devtools import Browser, Page, find_browser
from serving import Host, send_until_closed

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/guide/images")
# Name, width, height, dark, on a phone.
PICTURES = (("light", 1100, 820, False, False), ("phone", 390, 1200, True, True))
BYTES_MAX = 150 * 1000
SECONDS = 50

# Listener: plugin, messages a second, bytes of a message, connections.
TRAFFIC = {"echo": ("echo", 900, "64-256", 24), "ack": ("ack", 400, "200", 8),
           "files": ("echo", 60, "4096-16384", 6), "chat": ("echo", 250, "40-120", 60),
           "sensors": ("ack", 1500, "32", 40), "billing": ("echo", 40, "300-900", 5),
           "orders": ("bad_answers_error", 0, "", 0)}


def start_client(bin_folder, port, plugin, rate, size, connections):
    expect = ["--expect", "any"] if plugin == "ack" else []
    return subprocess.Popen(
        [os.path.join(bin_folder, "client"), f"127.0.0.1:{port}", "--rate", str(rate), "--size",
         size, "--connections", str(connections), "--arrivals", "poisson", "--duration",
         f"{SECONDS + 60}s", *expect],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def take(page, errors_port):
    page.wait("poller.history.times.length > 2")
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        send_until_closed(errors_port, b"a message that the plugin refuses")
        page.wait(f"poller.history.times.length > {page.evaluate('poller.history.times.length')}")
    for name, width, height, dark, phone in PICTURES:
        page.look(width, height, dark, phone)
        page.wait(f"poller.history.times.length > {page.evaluate('poller.history.times.length')}")
        page.evaluate("window.scrollTo(0, 0)")
        data = page.picture()
        if len(data) > BYTES_MAX:
            sys.exit(f"{name}: {len(data)} bytes are too many for a picture in the repository")
        with open(os.path.join(FOLDER, f"admin_page_{name}.png"), "wb") as file:
            file.write(data)
        print(f"admin_page_{name}.png: {len(data)} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, type=os.path.abspath)
    options = parser.parse_args()
    os.makedirs(FOLDER, exist_ok=True)
    local = {"listen": "127.0.0.1:0"}
    listeners = [{"name": name, "plugin": plugin, **local}
                 for name, (plugin, *_) in TRAFFIC.items()]
    with tempfile.TemporaryDirectory() as folder:
        host = Host(options.bin, folder, "host", listeners, local)
        clients = []
        try:
            with Browser(find_browser(), os.path.join(folder, "browser")) as browser:
                page = Page(browser)
                page.open(host.address)
                clients = [start_client(options.bin, host.port(name), *traffic)
                           for name, traffic in TRAFFIC.items() if traffic[1] > 0]
                take(page, host.port("orders"))
        finally:
            for client in clients:
                client.terminate()
                client.wait()
            host.stop()


if __name__ == "__main__":
    main()
