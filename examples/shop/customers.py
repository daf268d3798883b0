"""The customers: they click through the shop, one after the other, and their bills are worked out beside it.

    python customers.py SHOP_URL STANDIN_URL    prints one JSON object a request: who, what, and what was served

What a request had the stand-in serve is asked of the stand-in itself, before and after: nothing that the services
or pricetag say goes into the expected costs.
"""

import json
import sys
from typing import NamedTuple

import httpx


class Click(NamedTuple):
    user: str | None
    tenant: str | None
    method: str
    path: str
    action: str  # the route: no product's number makes an action of its own


CLICKS = [
    Click("alice", "acme", "POST", "/describe/17?words=40", "POST /describe/{product_id}"),
    Click("bob", "acme", "POST", "/chat?question=Can I return them?", "POST /chat"),
    Click("carol", "globex", "POST", "/describe/23", "POST /describe/{product_id}"),
    Click("carol", "globex", "GET", "/products", "GET /products"),
    Click("alice", "acme", "POST", "/chat?question=Which size?", "POST /chat"),
    Click("alice", "acme", "POST", "/describe/31?words=80", "POST /describe/{product_id}"),
    Click("dave", "initech", "POST", "/search?query=hat", "POST /search"),  # in no row of tenants.csv
    Click("bob", "acme", "POST", "/search?query=boots", "POST /search"),
    Click("carol", "globex", "POST", "/chat?question=Is it warm?", "POST /chat"),
    Click(None, "globex", "POST", "/search?query=shoes", "POST /search"),  # nobody has signed in
]


def main(shop, standin):
    with httpx.Client() as client:

        def served():
            return client.get(f"{standin}/served").json()

        for click in CLICKS:
            before = len(served())
            headers = {"x-tenant": click.tenant}
            if click.user:
                headers["cookie"] = f"user={click.user}"
            client.request(click.method, shop + click.path, headers=headers).raise_for_status()
            row = {"user": click.user, "tenant": click.tenant, "action": click.action, "served": served()[before:]}
            print(json.dumps(row))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
