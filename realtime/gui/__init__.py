"""The desktop app: a face on the core, with no inference or event logic of its own."""
