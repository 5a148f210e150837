"""The version that logs, tables and reports carry."""

VERSION = "0.1.0"
