#!/usr/bin/env python3
"""Find which nodes of every shipped and fetched model need FP32, and write down what was found.

    python benchmarks/half_forms.py

`export/half_forms.json` then spares the users' machines the search, which takes minutes for some lifters;
what they make is still measured there. Run it again for a model that was trained anew. Results are saved
under benchmarks/results.
"""

from __future__ import annotations

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
    known, rows = {}, []
    for manifest in everything():
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
    KNOWN.write_text(json.dumps(known, indent=1) + "\n")
    date = datetime.date.today().isoformat()
    report = {"date": date, "machine": processor(), "rows": rows}
    out = ROOT / "benchmarks" / "results" / f"half_forms_{date}.json"
    out.write_text(json.dumps(report, indent=2) + "\n")
    print(f"wrote {KNOWN} and {out}")


if __name__ == "__main__":
    main()
