"""Who decides that a tag sounds: smoothing, hysteresis and events."""
