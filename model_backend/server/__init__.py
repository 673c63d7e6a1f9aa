"""The ML backend that Label Studio talks to."""

from model_backend.server.app import create_app
from model_backend.server.serve import open_server, serve

__all__ = ["create_app", "open_server", "serve"]
