"""What hosting does on a node, by argv lists and moved files alone: no database, no HTTP."""
