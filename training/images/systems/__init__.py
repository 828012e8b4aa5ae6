"""What is particular to each image net: what it is cut, its loss, how it is measured."""
