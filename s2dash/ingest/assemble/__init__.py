"""From checked files to one scene: headers are read, the scene is planned, and finished once its pixels are known."""
