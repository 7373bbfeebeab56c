"""Draws the pictures in `config/pictures/`, from the code that they show."""
