"""Portico's C API (portico/embed.h) and the tables of a plugin, with ctypes alone.

A protocol is a class: `on_open(connection)`, `on_data(connection, message)` and
`on_close(connection)`, each optional but on_data. A `Server` serves it. Callbacks run on threads of
the library, one at a time for each connection, each while it holds Python's lock.
"""

import ctypes
import traceback
from ctypes import (CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int32,
                    c_uint32, c_uint64, c_void_p, sizeof)

OK, ERROR, WOULD_BLOCK, NOT_FOUND = 0, -1, -3, -10
CLOSE_GRACEFUL = 0
ABI = (0, 2)    # PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR
EMBED = (0, 2)  # PORTICO_EMBED_MAJOR, PORTICO_EMBED_MINOR
FRAMING_ANY = 0

Send = CFUNCTYPE(c_int32, c_void_p, c_uint64, c_void_p, c_uint64)
Close = CFUNCTYPE(c_int32, c_void_p, c_uint64, c_uint32)


class Host(Structure):
    """portico_host, as far as it is used here: a table may be read in part."""
    _fields_ = [("struct_size", c_uint32), ("abi_major", c_uint32), ("abi_minor", c_uint32),
                ("reserved", c_uint32), ("version", c_void_p), ("version_size", c_uint64),
                ("send", Send), ("send_parts", c_void_p), ("finish_sending", c_void_p),
                ("close", Close)]


class Setup(Structure):
    """portico_setup, likewise."""
    _fields_ = [("struct_size", c_uint32), ("mode", c_uint32), ("host", POINTER(Host)),
                ("instance", c_void_p), ("plugin", c_void_p), ("settings", c_void_p),
                ("settings_size", c_uint64)]


class Frame(Structure):
    _fields_ = [("struct_size", c_uint32), ("flags", c_uint32), ("payload_offset", c_uint64),
                ("payload_size", c_uint64), ("offered_before", c_uint64)]


Create = CFUNCTYPE(c_int32, POINTER(Setup), POINTER(c_void_p))
Destroy = CFUNCTYPE(None, c_void_p)
OnOpen = CFUNCTYPE(c_int32, c_void_p, c_uint64, c_void_p, POINTER(c_void_p))
OnData = CFUNCTYPE(c_int32, c_void_p, c_uint64, c_void_p, c_void_p, c_uint64, POINTER(Frame),
                   POINTER(c_uint64))
OnClose = CFUNCTYPE(None, c_void_p, c_uint64, c_void_p, c_void_p)


class Callbacks(Structure):
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("on_open", OnOpen),
                ("on_data", OnData), ("on_writable", c_void_p), ("on_end", c_void_p),
                ("on_drain", c_void_p), ("on_close", OnClose)]


class Plugin(Structure):
    _fields_ = [("struct_size", c_uint32), ("abi_major", c_uint32), ("abi_minor", c_uint32),
                ("abi_required", c_uint32), ("flags", c_uint32), ("optional_flags", c_uint32),
                ("framing", c_uint32), ("reserved", c_uint32), ("name", c_char_p),
                ("name_size", c_uint64), ("version", c_char_p), ("version_size", c_uint64),
                ("validate", c_void_p), ("create", Create), ("on_stop", c_void_p),
                ("destroy", Destroy), ("get_extension", c_void_p),
                ("callbacks", POINTER(Callbacks))]


class Module(Structure):
    _fields_ = [("struct_size", c_uint32), ("abi_major", c_uint32), ("abi_minor", c_uint32),
                ("plugin_count", c_uint32), ("plugins", POINTER(POINTER(Plugin)))]


class LogLine(Structure):
    _fields_ = [("struct_size", c_uint32), ("level", c_uint32), ("time_ns", c_uint64),
                ("connection", c_uint64), ("listener", c_char_p), ("listener_size", c_uint64),
                ("text", c_char_p), ("text_size", c_uint64)]


LogFunction = CFUNCTYPE(None, c_void_p, POINTER(LogLine))


class Options(Structure):
    _fields_ = [("struct_size", c_uint32), ("embed_major", c_uint32), ("embed_minor", c_uint32),
                ("reserved", c_uint32), ("plugin_directory", c_char_p),
                ("plugin_directory_size", c_uint64), ("log", LogFunction),
                ("log_argument", c_void_p)]


class ListenerCounts(Structure):
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("listener", c_char_p),
                ("listener_size", c_uint64), ("plugin", c_char_p), ("plugin_size", c_uint64),
                ("connections_accepted", c_uint64), ("connections_open", c_uint64)]


def load(path):
    """The library with the types of the functions that are used here."""
    library = ctypes.CDLL(path)  # its calls give up Python's lock, so that callbacks can take it
    for name, result, *arguments in (
            ("portico_embed_version", c_char_p),
            ("portico_server_create", c_int32, POINTER(Options), POINTER(c_void_p)),
            ("portico_server_destroy", None, c_void_p),
            ("portico_server_errors", c_char_p, c_void_p),
            ("portico_server_configure_text", c_int32, c_void_p, c_char_p, c_uint64, c_char_p,
             c_uint64),
            ("portico_server_register", c_int32, c_void_p, c_char_p, c_uint64, POINTER(Module)),
            ("portico_server_start", c_int32, c_void_p),
            ("portico_server_port", c_uint32, c_void_p, c_char_p, c_uint64),
            ("portico_server_drain", None, c_void_p, c_uint32),
            ("portico_server_wait", c_int32, c_void_p, c_void_p),
            ("portico_server_snapshot", c_int32, c_void_p, POINTER(c_void_p)),
            ("portico_snapshot_listener", c_int32, c_void_p, c_uint32, POINTER(ListenerCounts)),
            ("portico_snapshot_free", None, c_void_p)):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class Connection:
    """A client. Its functions may be called from any thread, at any time."""

    def __init__(self, host, instance, number):
        self._host, self._instance, self.number = host, instance, number

    def send(self, data):
        """OK, WOULD_BLOCK (nothing was sent, and on_data comes again) or another error."""
        return self._host.send(self._instance, self.number, data, len(data))

    def close(self):
        """After all that was sent."""
        return self._host.close(self._instance, self.number, CLOSE_GRACEFUL)


def guarded(callback):
    """An exception must not leave a callback: it is printed, and the connection is aborted."""
    def call(*arguments):
        try:
            return callback(*arguments)
        except Exception:
            traceback.print_exc()
            return ERROR
    return call


class Protocol:
    """The tables of a plugin that calls a Python object. They live as long as this does."""

    def __init__(self, name, protocol):
        self._protocol, self._host, self._instance = protocol, None, None
        # ctypes frees a callback that nobody refers to: the tables refer to these.
        self._callbacks = Callbacks(sizeof(Callbacks), 0)
        self._callbacks.on_data = OnData(guarded(self._on_data))
        if hasattr(protocol, "on_open"):
            self._callbacks.on_open = OnOpen(guarded(self._on_open))
        if hasattr(protocol, "on_close"):
            self._callbacks.on_close = OnClose(guarded(self._on_close))
        text = name.encode()
        self._plugin = Plugin(sizeof(Plugin), *ABI, ABI[1], 0, 0, FRAMING_ANY, 0, text, len(text),
                              b"1.0", 3)
        self._plugin.create = Create(guarded(self._create))
        self._plugin.destroy = Destroy(lambda _: None)
        self._plugin.callbacks = ctypes.pointer(self._callbacks)
        self._plugins = (POINTER(Plugin) * 1)(ctypes.pointer(self._plugin))
        self.module = Module(sizeof(Module), *ABI, 1, self._plugins)

    def _create(self, setup, _):
        self._host, self._instance = setup.contents.host.contents, setup.contents.instance
        return OK

    def _connection(self, number):
        return Connection(self._host, self._instance, number)

    def _on_open(self, _self, number, _opened, _state):
        self._protocol.on_open(self._connection(number))
        return OK

    def _on_data(self, _self, number, _state, data, size, frame, consumed):
        payload = ctypes.string_at(data + frame.contents.payload_offset,
                                   frame.contents.payload_size)
        status = self._protocol.on_data(self._connection(number), payload)
        if status != WOULD_BLOCK:
            consumed[0] = size
        return OK if status is None else status

    def _on_close(self, _self, number, _state, _closed):
        self._protocol.on_close(self._connection(number))


class Server:
    """Use it on one thread at a time; `drain` may be called from any."""

    def __init__(self, library, log=None):
        self._library, self._kept = library, []
        options = Options(sizeof(Options), *EMBED)
        if log is not None:
            options.log = LogFunction(
                guarded(lambda _, line: log(line.contents.text.decode(errors="replace"))))
            self._kept.append(options)
        self._server = c_void_p()
        if library.portico_server_create(byref(options), byref(self._server)) != OK:
            raise RuntimeError("the library is " + library.portico_embed_version().decode())

    def _check(self, status):
        if status != OK:
            raise RuntimeError(self._library.portico_server_errors(self._server).decode())

    def register(self, name, protocol):
        kept = Protocol(name, protocol)
        self._kept.append(kept)
        text = name.encode()
        self._check(self._library.portico_server_register(self._server, text, len(text),
                                                          byref(kept.module)))

    def start(self, configuration):
        text = configuration.encode()
        self._check(self._library.portico_server_configure_text(self._server, text, len(text),
                                                                None, 0))
        self._check(self._library.portico_server_start(self._server))

    def port(self, listener):
        text = listener.encode()
        return self._library.portico_server_port(self._server, text, len(text))

    def connections(self, index):
        """How many connections the listener with this number has accepted."""
        snapshot, counts = c_void_p(), ListenerCounts(sizeof(ListenerCounts))
        self._check(self._library.portico_server_snapshot(self._server, byref(snapshot)))
        try:
            found = self._library.portico_snapshot_listener(snapshot, index, byref(counts))
            return None if found == NOT_FOUND else counts.connections_accepted
        finally:
            self._library.portico_snapshot_free(snapshot)

    def drain(self, milliseconds):
        self._library.portico_server_drain(self._server, milliseconds)

    def wait(self):
        self._check(self._library.portico_server_wait(self._server, None))

    def close(self):
        self._library.portico_server_destroy(self._server)
        self._server = c_void_p()
