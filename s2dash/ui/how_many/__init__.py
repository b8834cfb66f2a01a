"""The panel that helps to choose a number of classes: curves of what was tried, advice in words, the nested tree."""
