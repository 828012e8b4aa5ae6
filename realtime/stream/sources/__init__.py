"""Every kind of source: files, folders, cameras, network streams, pipes; and what wraps them."""
