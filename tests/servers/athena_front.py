"""Amazon Athena's JSON protocol in front of a real Trino server. Test support: it holds no state beyond its own process.

Statements run on Trino, over the objects of an S3 emulator; data definition is translated from Hive's words to Trino's, UNLOAD
becomes CREATE TABLE AS. What is not an Athena call is passed on to the emulator, so that one endpoint serves every client.
`/_front/...` is for tests: what was executed, and which faults to make. See README.md beside this file.
"""

import argparse
import http.client
import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import boto3
from botocore.config import Config

from athena_state import Front, Refused

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "proxy-connection"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    front: Front
    upstream: str

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, status: int, body, headers: dict | None = None):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": str(uuid.uuid4()), **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def serve(self):
        body = self.body()
        path = urlparse(self.path)
        target = self.headers.get("X-Amz-Target", "")
        if path.path.startswith("/_front/"):
            return self.control(path, body)
        if target.startswith("AmazonAthena."):
            return self.athena(target.split(".", 1)[1], body)
        return self.forward(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = serve

    def athena(self, operation: str, body: bytes):
        try:
            call = getattr(self.front, "call_" + operation, None)
            if call is None:
                raise Refused("InvalidRequestException", f"{operation} is not part of the front")
            self.answer(200, call(json.loads(body or b"{}")))
        except Refused as refused:
            body = {"__type": refused.name, "Message": str(refused), "message": str(refused), **refused.fields}
            self.answer(refused.status, body, {"x-amzn-ErrorType": refused.name})

    def control(self, path, body: bytes):
        what, given = path.path.removeprefix("/_front/"), parse_qs(path.query)
        if what == "health":
            return self.answer(200, {"ok": True})
        if what == "log":
            return self.answer(200, self.front.log({key: values[0] for key, values in given.items()}))
        if what == "faults" and self.command == "POST":
            try:
                return self.answer(200, self.front.add_faults(json.loads(body)))
            except ValueError as error:
                return self.answer(400, {"message": str(error)})
        if what == "faults" and self.command == "DELETE":
            return self.answer(200, self.front.clear_faults(given.get("id", [None])[0]))
        if what == "quota" and self.command == "PUT":
            self.front.quota = int(json.loads(body)["active"])
            return self.answer(200, {})
        if what == "reset" and self.command == "POST":
            self.front.reset()
            return self.answer(200, {})
        return self.answer(404, {"message": f"no such control: {self.command} {what}"})

    def forward(self, body: bytes):
        connection = http.client.HTTPConnection(self.upstream, timeout=120)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP | {"expect"}}
            connection.request(self.command, self.path, body=body or None, headers=headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in HOP_BY_HOP | {"content-length", "date", "server"}:
                self.send_header(name, value)
        # A HEAD answer has the length of what GET would send.
        length = response.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        if length is not None:
            self.send_header("Content-Length", length)
        if self.command == "HEAD":
            # The fault proxy ends a HEAD request with an empty chunk that it does not announce: not to be read as the next request.
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--s3", required=True, help="address of the S3 emulator")
    parser.add_argument("--trino", default="", help="address of the Trino server; without it only metadata is served")
    parser.add_argument("--catalog", default="awsdatacatalog")
    parser.add_argument("--shadow", required=True, help="folder for CloudTrail rewritten as lines")
    given = parser.parse_args()
    s3 = boto3.client(
        "s3",
        endpoint_url=given.s3,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}, max_pool_connections=32),
    )
    Handler.front = Front(s3, given.trino, given.catalog, given.shadow)
    Handler.upstream = urlparse(given.s3).netloc
    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer.request_queue_size = 256
    server = ThreadingHTTPServer(("127.0.0.1", given.port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
