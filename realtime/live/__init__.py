"""A live session: windows of a source, tagged as they come, and how well it keeps up."""
