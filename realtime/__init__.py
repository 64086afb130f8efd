"""From a sound source to tags and events, in the order a sample travels."""
