"""The writer: an inner service that makes the LLM calls. It knows neither user nor tenant, and need not."""

import os
import sys

from fastapi import FastAPI
from openai import AsyncOpenAI
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

from service import serve, traced_app

if "OPENAI_BASE_URL" not in os.environ:
    sys.exit("OPENAI_BASE_URL is not set: this service is for standin.py, not for calls that cost money")

app: FastAPI = traced_app()
OpenAIInstrumentor().instrument()
client = AsyncOpenAI()


@app.post("/write")
async def write(subject: str, tokens: int):
    return await complete(subject, model="gpt-5-mini", max_completion_tokens=tokens)


@app.post("/answer")
async def answer(question: str):
    """Looks the question up before it is answered: two calls for one action."""
    await embed(question)
    return await complete(question, model="gpt-4o")


@app.post("/find")
async def find(query: str):
    await embed(query)
    return []


async def embed(text):
    return await client.embeddings.create(model="text-embedding-3-small", input=text)


async def complete(prompt, **options):
    messages = [{"role": "user", "content": prompt}]
    completion = await client.chat.completions.create(messages=messages, **options)
    return completion.choices[0].message.content


if __name__ == "__main__":
    serve(app)
