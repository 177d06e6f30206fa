"""What is written from the bundled contract: Python for the programs, Markdown for the people."""
