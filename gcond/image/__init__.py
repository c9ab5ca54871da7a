"""The image domain: labelled images as tasks, pixels as synthetic sets."""
