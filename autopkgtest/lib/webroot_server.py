"""A web server for one directory of plain files, as certbot's webroot plugin needs one.

Loopback only, GET only, regular files below the root only.  Runs under
Python 2.7 and 3.
"""

import os
import threading

try:
    from http.server import BaseHTTPRequestHandler
    from socketserver import TCPServer, ThreadingMixIn
except ImportError:  # Python 2
    from BaseHTTPServer import BaseHTTPRequestHandler
    from SocketServer import TCPServer, ThreadingMixIn


class _Handler(BaseHTTPRequestHandler):
    timeout = 30

    def do_GET(self):
        """Send the file, or 404."""
        root = os.path.realpath(self.server.root)
        path = os.path.realpath(root + "/" + self.path.split("?", 1)[0])
        try:
            if not path.startswith(root + "/") or not os.path.isfile(path):
                raise IOError("no file")
            with open(path, "rb") as source:
                body = source.read()
            status = 200
        except (IOError, OSError):
            body = b"no such file\n"
            status = 404
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Keep the terminal silent."""


class WebrootServer(ThreadingMixIn, TCPServer):
    """Serves ``root`` on ``port`` (0 takes a free one) from ``start`` to ``stop``."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, root, port=0):
        TCPServer.__init__(self, ("127.0.0.1", port), _Handler)
        self.root = root
        self.port = self.server_address[1]

    def start(self):
        """Serve in a thread of its own."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        thread.daemon = True
        thread.start()

    def stop(self):
        """Stop and give the port back."""
        self.shutdown()
        self.server_close()
