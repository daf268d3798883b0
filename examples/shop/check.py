"""Checks the bills: the `pricetag.action` events that reached a sink against what was served, to the last digit.

    python check.py CLICKS LOGS    the lines of customers.py, and logs.jsonl of sink.py

The amounts are worked out here, from what the stand-in served and the list prices, without any code of pricetag.
"""

import csv
import json
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

# Picodollars a token: input, output. Chat spans of openai-v2 do not tell the cached tokens, so all input bills in
# full.
PRICES = {
    "gpt-5-mini-2025-08-07": (250_000, 2_000_000),
    "gpt-4o-2024-11-20": (2_500_000, 10_000_000),
    "text-embedding-3-small": (20_000, 0),
}
# What `actions.names` of pricetag.yaml makes of routes.
NAMES = {"POST /describe/{product_id}": "describe", "POST /chat": "chat"}

ROW = "  {:<8} {:<9} {:<12} {:<7} {:<14} {:>5} {:>14}"


def expected(clicks):
    """Calls and picodollars by user, tenant, tier, team and action."""
    with open(Path(__file__).with_name("tenants.csv"), encoding="utf-8", newline="") as file:
        tenants = {row["tenant"]: row for row in csv.DictReader(file)}
    calls, cost = Counter(), Counter()
    for click in clicks:
        tenant = tenants.get(click["tenant"], tenants["*"])
        action = NAMES.get(click["action"], click["action"])
        who = (click["user"] or "-", click["tenant"], tenant["tier"], tenant["team"], action)
        for call in click["served"]:
            usage, (input_rate, output_rate) = call["usage"], PRICES[call["model"]]
            calls[who] += 1
            cost[who] += usage["prompt_tokens"] * input_rate + usage.get("completion_tokens", 0) * output_rate
    return calls, cost


def settled(events):
    """The same from the events."""
    keys = ("user.id", "pricetag.tenant", "pricetag.tier", "pricetag.team", "pricetag.action.name")
    calls, cost = Counter(), Counter()
    for event in events:
        said = event["attributes"]
        who = tuple(said.get(key) or "-" for key in keys)
        calls[who] += said["pricetag.action.calls"]
        cost[who] += int(said["pricetag.action.cost.picodollars"])
    return calls, cost


def problems_of(event):
    """What is wrong with an event by itself."""
    said = event["attributes"]
    exact = Decimal(said["pricetag.action.cost.picodollars"]).scaleb(-12)
    if said["pricetag.action.cost"] != float(exact):
        yield f"an event's cost is {said['pricetag.action.cost']!r} and {exact} at once"
    if event["repeated_keys"]:
        yield f"written twice: {event['repeated_keys']}"
    if "pricetag.action.unpriced" in said:
        yield f"{said['pricetag.action.unpriced']} calls without a price"


def dollars(picodollars):
    return f"{Decimal(picodollars).scaleb(-12).normalize():f}"


def main(clicks, logs):
    clicks, logs = (
        [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()] for path in (clicks, logs)
    )
    events = [log for log in logs if log["event"] == "pricetag.action"]
    problems = [problem for event in events for problem in problems_of(event)]
    if len(events) != len(logs):
        problems.append(f"{len(logs) - len(events)} log records that nobody sent")

    (true_calls, true_cost), (calls, cost) = expected(clicks), settled(events)
    print(ROW.format("user", "tenant", "tier", "team", "action", "calls", "cost (USD)"))
    for who in sorted(true_calls | calls):
        right = (calls[who], cost[who]) == (true_calls[who], true_cost[who])
        print(ROW.format(*who, calls[who], dollars(cost[who])) + ("" if right else "   <-- WRONG"))
        if not right:
            was, should = (f"{n[who]} calls for {dollars(c[who])}" for n, c in ((calls, cost), (true_calls, true_cost)))
            problems.append(f"{' '.join(who)}: {was}, not {should}")
    total = sum(cost.values())
    print(ROW.format("total", "", "", "", "", sum(calls.values()), dollars(total)))

    for problem in problems:
        print(f"  {problem}")
    print("FAIL" if problems else f"OK: {sum(calls.values())} calls, every cost exact, each on its user")
    return 1 if problems else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
