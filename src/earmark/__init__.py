"""Earmark: live audio tagging in four views."""
