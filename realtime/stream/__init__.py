"""The threaded frame pipeline: sources, rings, workers, stages, ledger, sinks."""
