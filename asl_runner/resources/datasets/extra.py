"""What brings the packages for Parquet and ZSTD."""

from __future__ import annotations

EXTRA = "pip install 'asl-runner[datasets]'"
