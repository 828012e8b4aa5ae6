#!/usr/bin/env python3
"""Find which nodes of every shipped and fetched model need FP32, and write down what was found.

    python benchmarks/half_forms.py [NET ...]

`export/half_forms.json` then spares the users' machines the search, which takes minutes for some lifters;
what they make is still measured there. Run it again for a model that was trained anew, by its name; those of
the others are kept. Results are saved under benchmarks/results.
"""

from __future__ import annotations

import argparse
import datetime
import json
import time
from pathlib import Path

from export.mixed import find_mixed
from export.models import everything
from export.probes import probe_for
from export.variants import FRAMES, IMAGES, load_network
from realtime.machine import processor

ROOT = Path(__file__).parent.parent
KNOWN = ROOT / "export" / "half_forms.json"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("nets", nargs="*", metavar="NET", help="All that are here, if none is named.")
    wanted = set(parser.parse_args().nets)
    everyone = everything()
    names = [manifest.name for manifest in everyone]
    manifests = [manifest for manifest in everyone if not wanted or manifest.name in wanted]
    if missing := wanted - set(names):
        parser.error(f"no such net here: {', '.join(sorted(missing))}")
    known = json.loads(KNOWN.read_text()) if wanted else {}
    rows = []
    for manifest in manifests:
        known.pop(manifest.name, None)
        began_ns = time.perf_counter_ns()
        probe = probe_for(manifest, FRAMES if manifest.role == "lifter" else IMAGES)
        found = find_mixed(load_network(manifest.check_file()), probe)
        row = {
            "net": manifest.name,
            "sha256": manifest.sha256,
            "unit": found.parity.unit,
            "nodes": found.nodes,
            "kept_fp32": len(found.kept),
            "worst": round(found.parity.worst, 4),
            "mean": round(found.parity.decoded.mean, 4),
            "worst_rounded": round(found.rounded.worst, 4),
            "search_s": round((time.perf_counter_ns() - began_ns) / 1e9, 1),
        }
        print(json.dumps(row), flush=True)
        rows.append(row)
        if found.kept:
            known[manifest.name] = sorted(found.kept)
    KNOWN.write_text(json.dumps({name: known[name] for name in names if name in known}, indent=1) + "\n")
    date = datetime.date.today().isoformat()
    report = {"date": date, "machine": processor(), "rows": rows}
    some = "".join(f"_{name}" for name in sorted(wanted))
    out = ROOT / "benchmarks" / "results" / f"half_forms{some}_{date}.json"
    out.write_text(json.dumps(report, indent=2) + "\n")
    print(f"wrote {KNOWN} and {out}")


if __name__ == "__main__":
    main()
