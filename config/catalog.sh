#!/usr/bin/env bash
# Rebuilds config/catalog.json from the packages that it names, or checks that it is what they give: `config/catalog.sh --check`.
# Needs Python 3.11 and pip. To take a newer list, change versions, sums and date, run it, and look at what it says.
set -euo pipefail
cd "$(dirname "$0")/.."

genai_prices=0.2.3 litellm=1.109.1
date=2026-11-10 # when genai-prices was published
sums=$(cat <<'EOF'
5f4d8e175a91cf23cac17da33a4daa60a6a6c49525109c97e93db220d5197206  genai_prices/data.py
8f8060d8ce7a40c91b995c74d6a27657543d49e3c1c53430dabd556f244392c6  litellm/model_prices_and_context_window_backup.json
EOF
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$work" "genai-prices==$genai_prices"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" "litellm==$litellm"
python3 -m zipfile -e "$work"/litellm-*.whl "$work/wheel"
mv "$work/wheel/litellm" "$work/litellm"
(cd "$work" && sha256sum --check --quiet <<<"$sums")

# genai-prices ships its data as Python; this is the JSON that its project publishes, prices/new_data/v2/data.json.
PYTHONPATH="$work" python3 - "$work/genai-prices.json" <<'EOF'
import dataclasses, datetime, decimal, json, sys
from genai_prices.data import providers

def plain(value):
    match value:
        case decimal.Decimal():
            return str(value)
        case datetime.date() | datetime.time():
            return value.isoformat()
        case list() | tuple():
            return [plain(one) for one in value]
        case dict():
            return {key: plain(one) for key, one in value.items() if one is not None}
        case str() | int() | float() | None:
            return value
    members = vars(value)
    if dataclasses.is_dataclass(value):
        members = {field.name: members.get(field.name) for field in dataclasses.fields(value)}
    skipped = {"extractors", "description", "price_comments", "pricing_urls"}
    return {
        key.rstrip("_"): plain(one)
        for key, one in members.items()
        if one is not None and key not in skipped and not key.startswith("_")
    }

with open(sys.argv[1], "w") as file:
    json.dump(plain(providers), file)
EOF

cargo run --quiet -- prices import --fresh --date "$date" \
  --from genai-prices --version "$genai_prices" "$work/genai-prices.json" \
  --fill-from "$work/litellm/model_prices_and_context_window_backup.json" --fill-version "$litellm" \
  -o "$work/catalog.json"

if [[ "${1:-}" == --check ]]; then
  cmp "$work/catalog.json" config/catalog.json
else
  cp "$work/catalog.json" config/catalog.json
fi
