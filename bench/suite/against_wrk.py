"""The client against wrk, to show that the figures do not measure the client: the same bytes, the
same trivial server, one processor each."""
import re
import shutil
import socket
import subprocess

from harness import client, servers
from harness.processes import BenchError

CONNECTIONS = 64
SECONDS = 1
SERVER = servers.BY_NAME["bare_epoll"]


def request_of_wrk(port):
    """The bytes that wrk sends to a server at this port: recorded by a listener of ours, with the
    port's name changed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        ours = listener.getsockname()[1]
        wrk = subprocess.Popen(["wrk", "-t1", "-c1", "-d1", f"http://127.0.0.1:{ours}/"],
                               stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
        try:
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                # wrk first tries whether it can connect at all, and sends nothing then.
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(10)
                    while not request.endswith(b"\r\n\r\n") and (piece := connection.recv(4096)):
                        request += piece
        finally:
            wrk.terminate()
            wrk.wait()
    return request.replace(f":{ours}".encode(), f":{port}".encode())


def reply_to(request, port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        reply = b""
        while b"\r\n\r\n" not in reply:
            reply += connection.recv(4096)
        length = int(re.search(rb"content-length: *(\d+)", reply, re.IGNORECASE).group(1))
        while len(reply) < reply.index(b"\r\n\r\n") + 4 + length:
            reply += connection.recv(4096)
    return reply


def escaped(data):
    """The text with the escapes of the client's options."""
    return "".join(chr(byte) if 32 <= byte < 127 and byte != 0x5C else f"\\x{byte:02X}"
                   for byte in data)


def run_wrk(port):
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}", f"http://127.0.0.1:{port}/"]
    done, cpu = client.run_with_cpu(command)
    requests = re.search(r"(\d+) requests in", done.stdout)
    rate = re.search(r"Requests/sec: *([\d.]+)", done.stdout)
    if (done.returncode != 0 or not requests or not rate or "Socket errors" in done.stdout
        or "Non-2xx" in done.stdout):
        raise BenchError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return {"rate": float(rate.group(1)), "cpu_us": cpu / int(requests.group(1)) * 1e6}


def run_client(place, port, request, reply):
    command = client.command_of(place, port, [
        "--message", escaped(request), "--expect", f"text:{escaped(reply)}", "--connections",
        str(CONNECTIONS),
        "--duration", f"{SECONDS}s"])
    done, cpu = client.run_with_cpu(command)
    figures = client.checked(done.returncode, command, done.stdout, done.stderr)
    return {"rate": figures["messages_per_second"], "cpu_us": cpu / figures["received"] * 1e6}


def measure(place, rounds, progress):
    """{"rounds": [{"client": [first half, second half], "wrk": ...} for each round]}; the order is
    client, wrk, wrk, client."""
    if not shutil.which("wrk"):
        raise BenchError("wrk is missing")
    with servers.start(SERVER, "http", place, "wrk_server") as running:
        request = request_of_wrk(running.port)
        reply = reply_to(request, running.port)
        run_client(place, running.port, request, reply)
        run_wrk(running.port)
        result = []
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}")
            ours = [run_client(place, running.port, request, reply)]
            theirs = [run_wrk(running.port), run_wrk(running.port)]
            ours.append(run_client(place, running.port, request, reply))
            result.append({"client": ours, "wrk": theirs})
    return {"rounds": result, "request_bytes": len(request), "reply_bytes": len(reply)}
