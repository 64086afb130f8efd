"""Larger networks that are asked what they hear in any sound: they teach, and never ship."""
