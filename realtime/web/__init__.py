"""A web page, a stream by WebSocket and a health endpoint for what is heard live."""
