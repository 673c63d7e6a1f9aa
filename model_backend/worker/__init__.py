"""Background work: the inbox, the trainings, and the periodic checks that find what was lost."""
