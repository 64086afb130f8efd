"""Waveform in, tokens out: one front end per file."""
