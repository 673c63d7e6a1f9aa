"""Speed, memory and accuracy, measured against a peer or a naive version in the same run."""
