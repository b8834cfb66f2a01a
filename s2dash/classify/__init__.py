"""From a scene and a recipe to a result: features, sample, fit, labels, and what is said of them."""
