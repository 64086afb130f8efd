"""The options of the sinks: what each declares, and how it is opened from them."""
