"""The shop: what a browser talks to. It knows who is there, and asks the writer for everything written.

It makes no LLM call itself, so user and tenant stand on its own HTTP spans and nowhere else.
"""

import os

import httpx
from fastapi import FastAPI, Request
from opentelemetry import trace

from service import serve, traced_app

PRODUCTS = {"17": "red shoes", "23": "blue boots", "31": "green hat"}

app: FastAPI = traced_app()
writer = httpx.AsyncClient(base_url=os.environ["WRITER_URL"])


@app.middleware("http")
async def say_who(request: Request, call_next):
    """Puts the signed-in user, and the tenant whose host this is, on the request's span."""
    span = trace.get_current_span()
    if user := request.cookies.get("user"):
        span.set_attribute("user.id", user)
    if tenant := request.headers.get("x-tenant"):
        span.set_attribute("tenant.id", tenant)
    return await call_next(request)


@app.get("/products")
async def products():
    return PRODUCTS


@app.post("/describe/{product_id}")
async def describe(product_id: str, words: int = 100):
    return await ask("/write", subject=f"Describe {PRODUCTS[product_id]}.", tokens=2 * words)


@app.post("/chat")
async def chat(question: str):
    return await ask("/answer", question=question)


@app.post("/search")
async def search(query: str):
    return await ask("/find", query=query)


async def ask(path, **parameters):
    answer = await writer.post(path, params=parameters)
    answer.raise_for_status()
    return answer.json()


if __name__ == "__main__":
    serve(app)
