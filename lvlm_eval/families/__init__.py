"""Kinds of benchmarks: what tasks that ask alike share, as functions that make a task's parts."""
