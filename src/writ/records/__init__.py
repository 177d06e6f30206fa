"""What happened: the audit log, its usage figures, and the answers kept for repeated requests.

| a call | file |
|---|---|
| becomes a line, without secrets | entry.py, redact.py |
| the line is kept before the answer goes out | recording.py, journal.py |
| lines become rows, sealed and counted, by one process | recorder.py, collecting.py, sealing.py |
| rows and seals are compared | verify.py |
| old ones go | retention.py |
| rows are read | reading.py, export.py, usage.py, handlers.py |
"""
