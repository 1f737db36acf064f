"""Larger pictures: `enlarger` is the contract; pictures, files, folders and videos stand on it."""
