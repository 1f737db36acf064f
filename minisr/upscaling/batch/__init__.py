"""Many files at once: where each result goes, what is done already, and the work itself.

`minisr.images.files` lists the sources. Then `targets` names the results, `manifest` remembers what
a folder of results was made from, `leftovers` cleans up after runs that were killed, `space` checks
the disk, and `running` does the work. None of them knows what is done with a file.
"""
