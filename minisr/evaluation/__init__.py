"""Measure how good networks are: metrics, protocols, tables and reports."""
