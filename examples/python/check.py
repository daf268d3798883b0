"""Checks the money on the spans that reached the sink, to the last digit.

    python check.py FILE SERVICE...    one SERVICE (a service.name) a run of app.py

The amounts are worked out here, from the list prices, without any code of pricetag.
"""

import json
import sys
from collections import Counter
from decimal import Decimal
from typing import NamedTuple

# USD per 1M tokens: input, output. Chat spans of openai-v2 do not tell the cached tokens,
# so all input bills in full. No flex price is published for gpt-4o, so flex bills as standard.
PRICES = {
    "gpt-5-mini": (Decimal("0.25"), Decimal("2")),
    "gpt-4o": (Decimal("2.5"), Decimal("10")),
    "text-embedding-3-small": (Decimal("0.02"), Decimal("0")),
}
# The attributes that carry the total: pricetag's own and the two that other backends read.
TOTALS = ("pricetag.cost.total", "gen_ai.usage.cost", "operation.cost")
COSTS = ("pricetag.cost.", "gen_ai.usage.cost", "operation.cost")

ROW = "  {:<21} {:<23} {:<9} {:>12}  {:<6} {}"


class Call(NamedTuple):
    title: str
    user: str
    feature: str
    name: str  # of the span
    status: str
    usage: tuple[int, int] | None  # input, output; None: the span tells none

    @property
    def cost(self):
        if self.usage is None:
            return None
        rates = PRICES[self.name.split()[1]]
        return sum(tokens * rate for tokens, rate in zip(self.usage, rates, strict=True)) / 1_000_000


# The calls of app.py, in the order in which it makes them.
CALLS = [
    Call("embedding", "alice", "search", "embeddings text-embedding-3-small", "priced", (42, 0)),
    Call("chat", "alice", "search", "chat gpt-5-mini", "priced", (1500, 350)),
    Call("stream with usage", "alice", "assistant", "chat gpt-5-mini", "priced", (1500, 350)),
    Call("stream without usage", "bob", "assistant", "chat gpt-5-mini", "no_usage", None),
    Call("chat, flex", "bob", "assistant", "chat gpt-4o", "priced", (1500, 350)),
    Call("chat, 429", "bob", "search", "chat gpt-4o", "failed", None),
]
# The spans around them are the roots of their traces, one for each user and feature.
REQUESTS = {(call.user, call.feature) for call in CALLS}


def problems_of_call(call, span):
    attributes = span["attributes"]
    wanted = {
        "pricetag.status": call.status,
        "user.id": call.user,
        "session.id": f"{call.user}-1",
        "feature": call.feature,
    }
    if call.usage is not None:
        # A float on the wire: the one nearest to the exact amount, and no other.
        wanted |= dict.fromkeys(TOTALS, float(call.cost))
    for key, value in wanted.items():
        if attributes.get(key) != value:
            yield f"{key} is {attributes.get(key)!r}, not {value!r}"
    if call.usage is None:
        for key in attributes:
            if key.startswith(COSTS):
                yield f"{key} is there: an unknown cost must not be a number"
    if span["repeated_keys"]:
        yield f"written twice: {span['repeated_keys']}"


def problems_of_request(span):
    """The root of a trace is no call: it says whose it was, what its calls cost together, and nothing else of ours."""
    attributes = span["attributes"]
    calls = [c for c in CALLS if (c.user, c.feature) == (attributes.get("user.id"), attributes.get("feature"))]
    wanted = {
        "pricetag.feature": attributes.get("feature"),
        "pricetag.action.name": span["name"],
        "pricetag.action.cost": float(sum(call.cost or 0 for call in calls)),
        "pricetag.action.calls": len(calls),
        "pricetag.action.tokens.input": sum(call.usage[0] for call in calls if call.usage),
        "pricetag.action.tokens.output": sum(call.usage[1] for call in calls if call.usage),
    }
    # A failed call costs nothing; what one without usage costs, nobody knows.
    if unpriced := sum(call.status == "no_usage" for call in calls):
        wanted["pricetag.action.unpriced"] = unpriced
    written = {key: value for key, value in attributes.items() if key.startswith(("pricetag.", *COSTS))}
    if written != wanted:
        yield f"{span['name']} has {written}, not {wanted}"


def check_run(service, spans):
    """Prints a run's calls as a table; returns what is wrong, and the money by user."""
    problems, spent = [], Counter()
    calls = sorted((s for s in spans if "gen_ai.operation.name" in s["attributes"]), key=lambda s: s["start"])
    others = [s for s in spans if "gen_ai.operation.name" not in s["attributes"]]

    if [s["name"] for s in calls] != [call.name for call in CALLS]:
        problems.append(f"calls that arrived: {[s['name'] for s in calls]}")
    requests = Counter((s["attributes"].get("user.id"), s["attributes"].get("feature")) for s in others)
    if requests != Counter(REQUESTS):
        problems.append(f"requests that arrived: {dict(requests)}")
    problems += [problem for span in others for problem in problems_of_request(span)]

    print(f"\n{service}")
    print(ROW.format("call", "model", "status", "cost (USD)", "user", "feature"))
    for call, span in zip(CALLS, calls, strict=False):  # a lost one is already a problem
        found = list(problems_of_call(call, span))
        problems += [f"{call.title}: {problem}" for problem in found]
        attributes = span["attributes"]
        cost = attributes.get("pricetag.cost.total")
        if isinstance(cost, float):
            # repr of a float is the shortest decimal that means it: the exact price, if it is right.
            cost = Decimal(repr(cost))
            spent[attributes.get("user.id")] += cost
        print(
            ROW.format(
                call.title,
                attributes.get("gen_ai.response.model") or attributes["gen_ai.request.model"],
                attributes.get("pricetag.status") or "none",
                money(cost) if isinstance(cost, Decimal) else "-",
                attributes.get("user.id") or "-",
                attributes.get("feature") or "-",
            ).rstrip()
            + ("   <-- WRONG" if found else "")
        )
    return [f"{service}: {problem}" for problem in problems], spent


def money(amount):
    return f"{Decimal(amount).normalize():f}"


def main(path, services):
    with open(path, encoding="utf-8") as file:
        spans = [json.loads(line) for line in file]
    problems, spent = [], Counter()
    ids = Counter(span["span_id"] for span in spans)
    problems += [f"span {span_id} arrived {times} times" for span_id, times in ids.items() if times > 1]
    spans = {span["span_id"]: span for span in spans}.values()
    for service in services:
        run = [span for span in spans if span["resource"].get("service.name") == service]
        found, by_user = check_run(service, run)
        problems += found
        spent.update(by_user)

    expected = Counter()
    for call in CALLS:
        expected[call.user] += (call.cost or 0) * len(services)

    print("\nspent by user (USD)")
    for user, amount in sorted(expected.items()):
        print(f"  {user:<6} {money(spent[user])}")
        if spent[user] != amount:
            problems.append(f"{user} spent {money(spent[user])}, not {money(amount)}")
    total, expected_total = sum(spent.values()), sum(expected.values())
    print(f"  total  {money(total)}")
    if total != expected_total:
        problems.append(f"the total is {money(total)}, not {money(expected_total)}")

    print()
    for problem in problems:
        print(f"  {problem}")
    print("FAIL" if problems else f"OK: {len(services) * len(CALLS)} calls, every cost exact")
    return 1 if problems else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
