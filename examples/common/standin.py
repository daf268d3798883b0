"""A stand-in of the OpenAI API on loopback: same answers every time, no key, no network.

    python standin.py [PORT]      prints the port it listens on

Point a client at it with OPENAI_BASE_URL=http://127.0.0.1:PORT/v1. GET /served gives, as JSON, what it has served
so far: one {model, usage} a call that ended well.
"""

import json
import sys
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RATE_LIMIT_PROMPT = "hit the rate limit"

# What the API says it served when it is asked for an alias.
SERVED = {"gpt-5-mini": "gpt-5-mini-2025-08-07", "gpt-4o": "gpt-4o-2024-11-20"}

CHAT_USAGE = {
    "prompt_tokens": 1500,
    "completion_tokens": 350,
    "total_tokens": 1850,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 20},
    "completion_tokens_details": {"reasoning_tokens": 200, "audio_tokens": 10},
}
EMBEDDING_USAGE = {"prompt_tokens": 42, "total_tokens": 42}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/served":
            return self.reply(200, self.server.served)
        return self.error(404, "invalid_request_error", "unknown_url", f"Unknown URL {self.path}")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            asked = json.loads(body)
        except ValueError:
            return self.error(400, "invalid_request_error", "invalid_json", "Not JSON")
        if self.path == "/v1/chat/completions":
            return self.chat(asked)
        if self.path == "/v1/embeddings":
            return self.embeddings(asked)
        return self.error(404, "invalid_request_error", "unknown_url", f"Unknown URL {self.path}")

    def chat(self, asked):
        if any(RATE_LIMIT_PROMPT in str(message.get("content")) for message in asked["messages"]):
            return self.error(429, "rate_limit_error", "rate_limit_exceeded", "Rate limit")
        common = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": SERVED.get(asked["model"], asked["model"]),
            "service_tier": asked.get("service_tier", "default"),
            "system_fingerprint": "fp_standin",
        }
        usage = chat_usage(asked.get("max_completion_tokens"))
        self.serve(common["model"], usage)
        if asked.get("stream"):
            include_usage = (asked.get("stream_options") or {}).get("include_usage", False)
            return self.stream(chunks(common, usage if include_usage else None))
        message = {"role": "assistant", "content": "Hello."}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self.reply(200, {"object": "chat.completion", **common, "choices": [choice], "usage": usage})

    def embeddings(self, asked):
        self.serve(asked["model"], EMBEDDING_USAGE)
        vector = {"object": "embedding", "index": 0, "embedding": [0.1, 0.2, 0.3]}
        self.reply(
            200,
            {"object": "list", "model": asked["model"], "data": [vector], "usage": EMBEDDING_USAGE},
        )

    def serve(self, model, usage):
        self.server.served.append({"model": model, "usage": usage})  # appending is atomic

    def error(self, status, kind, code, message):
        self.reply(status, {"error": {"message": message, "type": kind, "code": code}})

    def reply(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, events):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")  # the end of the connection ends the body
        self.end_headers()
        for event in events:
            self.wfile.write(f"data: {event}\n\n".encode())

    def log_message(self, *_):
        pass


def chat_usage(limit):
    """What a chat uses whose answer may have so many tokens, reasoning included."""
    usage = CHAT_USAGE["completion_tokens"]
    output = min(usage, limit or usage)
    details = CHAT_USAGE["completion_tokens_details"]
    return CHAT_USAGE | {
        "completion_tokens": output,
        "total_tokens": CHAT_USAGE["prompt_tokens"] + output,
        "completion_tokens_details": {kind: min(tokens, output // 2) for kind, tokens in details.items()},
    }


def chunks(common, usage):
    """The events of one streamed chat; usage, when there is any, is an extra chunk without choices."""

    def chunk(choices, **usage):
        return json.dumps({"object": "chat.completion.chunk", **common, "choices": choices, **usage})

    def choice(delta, finish_reason=None):
        return [{"index": 0, "delta": delta, "finish_reason": finish_reason}]

    yield chunk(choice({"role": "assistant", "content": ""}))
    yield chunk(choice({"content": "Hello."}))
    yield chunk(choice({}, "stop"))
    if usage:
        yield chunk([], usage=usage)
    yield "[DONE]"


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Handler)
    server.served = []
    print(server.server_port, flush=True)
    server.serve_forever()
