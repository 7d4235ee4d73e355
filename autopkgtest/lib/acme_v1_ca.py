#!/usr/bin/python2.7
"""A stand-in for a certificate authority that speaks ACME version 1.

It answers the draft protocol that certbot 0.10.2 speaks, on loopback only,
for tests only: nothing trusts its certificates.  Signatures, nonces, accounts
and certificate requests are really checked, http-01 and tls-sni-01 are really
fetched, and every name resolves to 127.0.0.1.

    acme_v1_ca.py --port 4000 --http-01-port 5002 --state DIR --lifetime-days 90

The first line of output says the directory's address and that this is a
stand-in; it appears when requests are answered.  DIR gets the log
(``log.jsonl``, one JSON object a line) and ``policy.json``, which may be
replaced while the CA runs.

Runs under Python 2.7 and 3.
"""

from __future__ import print_function

import argparse
import errno
import fcntl
import json
import os
import re
import signal
import socket
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from acme_authority import Authority, Policy
from acme_jws import Problem
from acme_store import Store, StoreError

try:
    from http.server import BaseHTTPRequestHandler
    from socketserver import TCPServer, ThreadingMixIn
except ImportError:  # Python 2
    from BaseHTTPServer import BaseHTTPRequestHandler
    from SocketServer import TCPServer, ThreadingMixIn

LOOPBACK = "127.0.0.1"
LARGEST_BODY = 65536
JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"
CERTIFICATE_TYPE = "application/pkix-cert"
TERMS = b"This is a stand-in CA for tests. Its certificates are worth nothing.\n"


class Answer(object):
    """One HTTP answer before it is sent."""

    def __init__(self, status, body=b"", content_type=JSON_TYPE, headers=None):
        self.status = status
        self.content_type = content_type
        self.headers = list((headers or {}).items())
        if isinstance(body, bytes):
            self.body = body
        else:
            self.body = json.dumps(body, indent=2, sort_keys=True).encode("utf-8")


class Handler(BaseHTTPRequestHandler):
    """Routes requests to the authority and writes its answers and the log."""

    protocol_version = "HTTP/1.1"
    server_version = "stand-in-acme-v1-ca (for tests only)"
    sys_version = ""
    # Headers and body go out in one packet: no wait for a delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = 120

    ROUTES = (
        # method, path, name of the method that answers
        ("GET", r"/directory", "_directory"),
        ("GET", r"/terms/v1", "_terms"),
        ("POST", r"/acme/new-reg", "_new_reg"),
        ("POST", r"/acme/reg/(\d+)", "_reg"),
        ("POST", r"/acme/new-authz", "_new_authz"),
        ("GET", r"/acme/authz/([A-Za-z0-9_-]+)", "_authz"),
        ("GET", r"/acme/challenge/([A-Za-z0-9_-]+)/(\d+)", "_get_challenge"),
        ("POST", r"/acme/challenge/([A-Za-z0-9_-]+)/(\d+)", "_challenge"),
        ("POST", r"/acme/new-cert", "_new_cert"),
        ("GET", r"/acme/cert/([0-9a-f]+)", "_cert"),
        ("GET", r"/acme/issuer-cert", "_issuer_cert"),
        ("POST", r"/acme/revoke-cert", "_revoke_cert"),
    )

    def do_GET(self):
        """Answer a GET."""
        self._answer("GET")

    def do_HEAD(self):
        """Answer a HEAD: a GET without a body; always with a nonce."""
        self._answer("GET")

    def do_POST(self):
        """Answer a POST."""
        self._answer("POST")

    def log_message(self, *_):
        """Keep the terminal silent: the log is JSON lines."""

    def _answer(self, method):
        self._event = {"event": "request", "method": self.command, "path": self.path}
        try:
            body = self._body()
            answer = self._route(method, body)
        except Problem as problem:
            answer = Answer(problem.status, problem.document(), PROBLEM_TYPE, problem.headers)
            self._event["problem"] = problem.document()
        except Exception as error:  # the client must learn of any fault as a problem document
            problem = Problem(
                500, u"serverInternal", u"The stand-in CA failed: {0!r}".format(error))
            answer = Answer(500, problem.document(), PROBLEM_TYPE)
            self._event["problem"] = problem.document()
        self._event["status"] = answer.status
        self._event["user_agent"] = self.headers.get("User-Agent")
        # Logged before it is sent: who has the answer finds it in the log.
        self.server.log(**self._event)
        self._send(answer)

    def _body(self):
        if self.command != "POST":
            return b""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            self.close_connection = True
            raise Problem(400, u"malformed", u"The length of the body is missing or too large")
        return self.rfile.read(int(length))

    def _route(self, method, body):
        path = self.path.split("?", 1)[0]
        allowed = []
        for wanted, pattern, name in self.ROUTES:
            match = re.match(pattern + r"\Z", path)
            if match and wanted == method:
                handler = getattr(self, name)
                if method == "POST":
                    return handler(body, *match.groups())
                return handler(*match.groups())
            if match:
                allowed.append(wanted)
        if allowed:
            raise Problem(405, u"malformed", u"Method not allowed", {"Allow": ", ".join(allowed)})
        raise Problem(404, u"malformed", u"No such resource here")

    def _send(self, answer):
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, str(value))
        self.send_header("Cache-Control", "public, max-age=0, no-cache")
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Replay-Nonce", str(self._ca.fresh_nonce()))
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()

    @property
    def _ca(self):
        return self.server.authority

    def _accept(self, body, resource):
        request = self._ca.accept(body, resource)
        self._event["resource"] = resource
        self._event["account"] = request.thumbprint
        return request

    def _link(self, *pairs):
        return ", ".join('<{0}>;rel="{1}"'.format(self._ca.url(path), relation)
                         for path, relation in pairs)

    def _directory(self):
        return Answer(200, self._ca.directory())

    def _terms(self):
        return Answer(200, TERMS, "text/plain")

    def _new_reg(self, body):
        account = self._ca.register(self._accept(body, u"new-reg"))
        return Answer(201, account, headers={
            "Location": self._ca.url(u"/acme/reg/{0}".format(account[u"id"])),
            "Link": self._registration_links()})

    def _reg(self, body, number):
        account = self._ca.update(self._accept(body, u"reg"), int(number))
        return Answer(202, account, headers={"Link": self._registration_links()})

    def _registration_links(self):
        return self._link((u"/acme/new-authz", "next"), (u"/terms/v1", "terms-of-service"))

    def _new_authz(self, body):
        label, resource = self._ca.authorize(self._accept(body, u"new-authz"))
        self._event["name"] = resource[u"identifier"][u"value"]
        return Answer(201, resource, headers={
            "Location": self._ca.url(u"/acme/authz/" + label),
            "Link": self._link((u"/acme/new-cert", "next"))})

    def _authz(self, label):
        return Answer(200, self._ca.authorization(label), headers={
            "Link": self._link((u"/acme/new-cert", "next"))})

    def _get_challenge(self, label, number):
        return self._challenge_answer(self._ca.challenge(label, number), label)

    def _challenge(self, body, label, number):
        request = self._accept(body, u"challenge")
        return self._challenge_answer(self._ca.answer(request, label, number), label)

    def _challenge_answer(self, challenge, label):
        return Answer(202, challenge, headers={
            "Location": challenge[u"uri"],
            "Link": self._link((u"/acme/authz/" + label, "up"))})

    def _new_cert(self, body):
        issued = self._ca.issue(self._accept(body, u"new-cert"))
        self._event["serial"] = issued.serial
        return Answer(201, issued.der, CERTIFICATE_TYPE, {
            "Location": self._ca.url(u"/acme/cert/" + issued.serial),
            "Link": self._link((u"/acme/issuer-cert", "up"))})

    def _cert(self, serial):
        return Answer(200, self._ca.certificate(serial), CERTIFICATE_TYPE, {
            "Link": self._link((u"/acme/issuer-cert", "up"))})

    def _issuer_cert(self):
        return Answer(200, self._ca.issuer(), CERTIFICATE_TYPE)

    def _revoke_cert(self, body):
        self._ca.revoke(self._accept(body, u"revoke-cert"))
        return Answer(200)


class Server(ThreadingMixIn, TCPServer):
    """The CA behind HTTP on loopback.  ``port`` 0 takes a free one.

    ``start`` answers in a thread of its own, ``stop`` ends that.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port=0, http_01_port=5002, tls_sni_01_port=5001, directory=None,
                 policy=None):
        store = Store(directory)
        self.store = store
        self.log = store.log
        self.authority = Authority(
            store, policy or Policy(), http_01_port, tls_sni_01_port, store.log)
        TCPServer.__init__(self, (LOOPBACK, port), Handler)
        self.port = self.server_address[1]
        self.authority.base_url = u"http://{0}:{1}".format(LOOPBACK, self.port)
        self.directory_url = self.authority.url(u"/directory")
        self.log(event="start", server=Handler.server_version, directory=self.directory_url,
                 http_01_port=http_01_port, tls_sni_01_port=tls_sni_01_port)

    def start(self):
        """Answer requests until ``stop``."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        thread.daemon = True
        thread.start()

    def stop(self):
        """Stop answering and give the port back."""
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that went away is written to the log, not to the terminal."""
        self.log(event="connection-error", error=repr(sys.exc_info()[1]))


def main(arguments=None):
    """Run the CA until SIGTERM or SIGINT; the exit code is 1 when it cannot start."""
    options = _parser().parse_args(arguments)
    # Before the port is announced: who reads it may end this process at any time.
    asked = _signals(signal.SIGTERM, signal.SIGINT)
    policy = Policy(options.lifetime_days, options.not_before_days_ago,
                    options.validation_delay_seconds)
    try:
        server = Server(options.port, options.http_01_port, options.tls_sni_01_port,
                        options.state, policy)
        if options.port_file:
            with open(options.port_file + ".new", "w") as target:
                target.write("{0}\n".format(server.port))
            os.rename(options.port_file + ".new", options.port_file)
    except StoreError as error:
        print(error, file=sys.stderr)
        return 1
    except (socket.error, IOError, OSError) as error:
        print("The stand-in CA cannot start on port {0}: {1}. Choose another port or file.".format(
            options.port, error), file=sys.stderr)
        return 1
    server.start()
    print("Stand-in ACME v1 CA, for tests only: {0}".format(server.directory_url))
    sys.stdout.flush()
    _wait_for(asked)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    server.stop()
    return 0


def _signals(*numbers):
    """A pipe into which these signals write.

    A handler that sets an event can meet the lock that the waiting main thread
    holds, and then both wait for ever.
    """
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, fcntl.fcntl(writer, fcntl.F_GETFL) | os.O_NONBLOCK)
    signal.set_wakeup_fd(writer)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return reader


def _wait_for(reader):
    while True:
        try:
            os.read(reader, 1)
            return
        except OSError as error:
            if error.errno != errno.EINTR:
                raise


def _parser():
    parser = argparse.ArgumentParser(
        description="A stand-in ACME v1 CA on 127.0.0.1, for tests only.")
    parser.add_argument("--port", type=int, default=4000, help="port, 0 for a free one")
    parser.add_argument("--port-file", help="file that gets the port when the CA answers")
    parser.add_argument("--http-01-port", type=int, default=5002,
                        help="port on which http-01 is fetched")
    parser.add_argument("--tls-sni-01-port", type=int, default=5001,
                        help="port on which tls-sni-01 is checked")
    parser.add_argument("--state", help="directory for keys, accounts, certificates and log")
    parser.add_argument("--lifetime-days", type=float, default=90,
                        help="validity of certificates, from notBefore")
    parser.add_argument("--not-before-days-ago", type=float, default=1.0 / 24,
                        help="how far notBefore lies back")
    parser.add_argument("--validation-delay-seconds", type=float, default=0,
                        help="wait before a challenge is checked")
    return parser


if __name__ == "__main__":
    sys.exit(main())
