"""The parts of the benchmark `service`: a filled project, the servers, and who calls them."""
