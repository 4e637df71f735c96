"""Networks written for other runtimes: one table of formats, one module for each, and a check of what was written."""
