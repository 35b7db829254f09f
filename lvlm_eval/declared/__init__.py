"""Tasks that are declared and not programmed: a YAML of about ten lines, or a bare data file."""
