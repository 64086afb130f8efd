"""What is kept of a live stream as sound: sessions, and clips of events."""
