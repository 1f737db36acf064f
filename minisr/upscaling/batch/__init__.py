"""Many files at once: where each goes, what is done already, and the work itself.

`minisr.images.files` has listed the sources. `targets` names the results, `manifest` remembers what
a folder of results was made of, `leftovers` clears up after runs that were killed, `space` asks the
disk, and `running` does the work. None of them knows what is done with a file.
"""
