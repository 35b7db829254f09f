"""From stored runs to tables, files and a page: reads stores, knows no task and no model."""
