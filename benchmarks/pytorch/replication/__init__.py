"""The replicate of the headline comparison: settings, finished cells, intervals, tables, page."""
