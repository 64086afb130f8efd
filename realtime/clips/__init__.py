"""Clips: a sound file of each event, in a folder that does not outgrow its quota."""
