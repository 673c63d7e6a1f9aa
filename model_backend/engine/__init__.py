"""Where records and learning meet: features of a project's images, trainings, publishing, predictions."""
