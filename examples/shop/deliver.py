"""Sends recorded export requests again, in a way that makes it harder to say whose money a call was.

    python deliver.py FOLDER URL WAY

FOLDER is recorder.py's. Of the two services the writer makes the calls, the shop knows the user. WAY is
  recorded      as the requests came
  swapped       the last request first
  shop-late     the writer's requests, and the shop's 5 s later
  writer-late   the shop's requests, and the writer's 5 s later
  split         a request for each span, in the order of the recording
  shuffled      a request for each span, in no order at all
"""

import random
import sys
import time
from itertools import chain
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from recorder import post

DELAY = 5  # seconds


def split(body):
    """A request for each span, with its resource and scope."""
    for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                request = ExportTraceServiceRequest()
                resource = request.resource_spans.add(
                    resource=resource_spans.resource, schema_url=resource_spans.schema_url
                )
                scope = resource.scope_spans.add(scope=scope_spans.scope, schema_url=scope_spans.schema_url)
                scope.spans.append(span)
                yield request.SerializeToString()


def delivery(way, recorded):
    """The bodies in their order, as one list for what is sent at once."""
    bodies = [body for _, body in recorded]
    shop = [body for name, body in recorded if name.endswith("-shop")]
    writer = [body for name, body in recorded if name.endswith("-writer")]
    spans = list(chain.from_iterable(map(split, bodies)))
    return {
        "recorded": [bodies],
        "swapped": [bodies[::-1]],
        "shop-late": [writer, shop],
        "writer-late": [shop, writer],
        "split": [spans],
        "shuffled": [random.Random(5).sample(spans, len(spans))],  # in the same no order each time
    }[way]


def main(folder, url, way):
    recorded = [(path.stem, path.read_bytes()) for path in sorted(Path(folder).glob("*.pb"))]
    for late, bodies in enumerate(delivery(way, recorded)):
        time.sleep(DELAY * late)
        for body in bodies:
            status, answer = post(f"{url}/v1/traces", body)
            if status != 200:
                sys.exit(f"{way}: pricetag answered {status}: {answer!r}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
