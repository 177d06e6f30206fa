"""What Writ is measured against: the same work on other frameworks, as applications that granian serves."""
