"""`tidegate operator`: runs the operator until it is told to stop."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its configuration, and the cluster when it runs outside of one."""
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the operator's configuration")
    parser.add_argument(
        "--kubeconfig", metavar="FILE", help="by default the pod's service account, else the user's own"
    )
    parser.add_argument("--context", metavar="NAME", help="of the kubeconfig")
