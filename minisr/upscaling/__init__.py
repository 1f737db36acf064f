"""Enlarging: `enlarger` is the contract on which pictures, files, folders and videos stand."""
