"""The local stack: Label Studio, ML backend and worker as child processes around a folder of images."""
