"""Starts a plugin of aofd as the host does, connects to it over gRPC, and stops it. For Linux and macOS.

    with Plugin("bin/plugins/aof-platform-whatsapp") as p:
        info = p.life.GetInfo(plugin_pb2.GetInfoRequest(host_version="0.1.0"), timeout=2)
"""

import datetime
import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "gen"))  # where the stubs look for each other

from aof.platform.v1 import platform_pb2_grpc  # noqa: E402
from aof.plugin.v1 import plugin_pb2, plugin_pb2_grpc  # noqa: E402

# What both sides must agree on; see sdk/wire/handshake.go.
PROTOCOL_VERSION = "1"
COOKIE = {"AOF_PLUGIN": "aof.plugin.v1"}
MAX_MESSAGE_BYTES = 64 << 20
# CORE|PROTOCOL|NETWORK|ADDRESS|grpc|CERTIFICATE, and perhaps more.
HANDSHAKE = re.compile(r"^1\|(\d+)\|(unix|tcp)\|([^|]+)\|grpc(?:\|([^|]*).*)?$")
BANNER_LINES = 64  # that a plugin may print before its handshake
SOCKET_FOLDER_LENGTH = 80  # the path of a socket may have little more than 100 bytes
# What a plugin may see of our environment. Secrets are elsewhere in it.
PASSED = (
    "PATH HOME LANG LC_ALL TZ TMPDIR SSL_CERT_FILE SSL_CERT_DIR HTTP_PROXY HTTPS_PROXY NO_PROXY "
    "http_proxy https_proxy no_proxy GOMEMLIMIT GOTRACEBACK"
).split()


class PluginError(Exception):
    """The plugin does not start or does not speak the handshake."""


def issue():
    """Makes a certificate and its key, both in PEM. P-256 is what every TLS library takes."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


class Plugin:
    """One process of a plugin, from `with` to the end of its block. Its log goes to our stderr."""

    def __init__(self, path, start_seconds=10, stop_seconds=2, log_level="warn"):
        self.path = str(path)
        self.start_seconds, self.stop_seconds, self.log_level = start_seconds, stop_seconds, log_level
        self.process = None  # subprocess.Popen
        self.target = None  # the address that the plugin named, as gRPC writes it
        self.life = None  # stub of aof.plugin.v1.PluginService
        self.platform = None  # stub of aof.platform.v1.TriggerPlatformService
        self.folder = None  # of the socket and the certificates
        self._channel = self._reader = None

    def __enter__(self):
        try:
            # Nobody else may look into this folder; it holds the socket and the plugin's key.
            self.folder = tempfile.mkdtemp(prefix="aof-")
            if len(self.folder) > SOCKET_FOLDER_LENGTH:
                raise PluginError(f"{self.folder} is too long for a socket: set TMPDIR to a shorter folder")
            server, client = issue(), issue()
            self._start(server, client[0])
            self.target = self._handshake()
            self._connect(server[0], client)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def _start(self, server, client_certificate):
        env = {name: os.environ[name] for name in PASSED if name in os.environ}
        env.update(COOKIE, PLUGIN_PROTOCOL_VERSIONS=PROTOCOL_VERSION, PLUGIN_UNIX_SOCKET_DIR=self.folder)
        env.update(AOF_LOG_LEVEL=self.log_level)
        # The plugin gets the names of files, never a key in its environment, which others can read.
        pems = {"AOF_TLS_CERT": server[0], "AOF_TLS_KEY": server[1], "AOF_TLS_CLIENT_CA": client_certificate}
        for name, pem in pems.items():
            env[name] = os.path.join(self.folder, name)
            with open(os.open(env[name], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
                f.write(pem)
        try:
            # The end of stdin tells the plugin that we are gone, even if we are killed. The session of its own
            # keeps Ctrl-C from it, and lets us end its children with it.
            self.process = subprocess.Popen(
                [self.path], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
        except OSError as e:
            raise PluginError(f"{self.path} does not start: {e}") from e

    def _handshake(self):
        found = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(found,), daemon=True)
        self._reader.start()
        try:
            match = found.get(timeout=self.start_seconds)
        except queue.Empty:
            raise PluginError(f"{self.path} said no handshake within {self.start_seconds} seconds") from None
        if match is None:
            raise PluginError(f"{self.path} does not speak the plugin handshake")
        version, network, address, certificate = match.groups()
        if version != PROTOCOL_VERSION:
            raise PluginError(f"{self.path} speaks protocol {version}, this is {PROTOCOL_VERSION}")
        if certificate:
            raise PluginError(f"{self.path} made a certificate instead of taking the one that it was given")
        return f"unix:{address}" if network == "unix" else address

    def _read(self, found):
        """Looks for the handshake. What else is on stdout is log; it is read, so that the plugin never waits."""
        pending = BANNER_LINES
        with self.process.stdout as stdout:
            for line in stdout:
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                match = HANDSHAKE.match(text) if pending > 0 else None
                if match:
                    found.put(match)
                    pending = 0
                    continue
                print(text, file=sys.stderr)
                pending -= 1
                if pending == 0:
                    found.put(None)
        found.put(None)

    def _connect(self, server_certificate, client):
        # Both sides know exactly one certificate of the other, and take no other.
        credentials = grpc.ssl_channel_credentials(
            root_certificates=server_certificate, private_key=client[1], certificate_chain=client[0]
        )
        self._channel = grpc.secure_channel(
            self.target,
            credentials,
            options=[
                ("grpc.ssl_target_name_override", "localhost"),
                ("grpc.enable_http_proxy", 0),
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ],
        )
        try:
            grpc.channel_ready_future(self._channel).result(timeout=self.start_seconds)
        except grpc.FutureTimeoutError:
            raise PluginError(f"{self.path} does not answer at {self.target}") from None
        self.life = plugin_pb2_grpc.PluginServiceStub(self._channel)
        self.platform = platform_pb2_grpc.TriggerPlatformServiceStub(self._channel)

    def stop(self):
        """Ends the process: politely, then firmly, then by force. It may be called twice."""
        if self.life:
            shutdown = self._channel.unary_unary("/plugin.GRPCController/Shutdown")  # an empty message both ways
            for call, request in ((self.life.Drain, plugin_pb2.DrainRequest()), (shutdown, b"")):
                try:
                    call(request, timeout=self.stop_seconds)
                except grpc.RpcError:
                    pass  # a plugin that cannot is stopped all the same
        if self._channel:
            self._channel.close()
        self._channel = self.life = self.platform = None
        if self.process:
            self.process.stdin.close()
            self._end()
        if self._reader:
            self._reader.join(timeout=1)  # a child of the plugin may still hold its stdout
            self._reader = None
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def _end(self):
        for sign in (None, signal.SIGTERM, signal.SIGKILL):
            if sign is not None:
                os.killpg(self.process.pid, sign)  # not reaped yet, so the number is still its own
            try:
                self.process.wait(timeout=self.stop_seconds)
                return
            except subprocess.TimeoutExpired:
                pass
