"""Engines: what runs programs."""
