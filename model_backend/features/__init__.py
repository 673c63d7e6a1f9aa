"""Features of images: computed once, cached on disk, mapped for a linear head."""
