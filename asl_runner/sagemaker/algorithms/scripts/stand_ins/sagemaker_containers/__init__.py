"""Stands for the toolkit of older images, as far as inference scripts use it."""
