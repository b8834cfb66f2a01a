"""The web server: what it is made of (`assembly`), and the file that starts it wherever s2dash is installed (`app`)."""
