"""The window `Find a scene`: what is looked for, what there is, and the ground and bands that are loaded of it."""
