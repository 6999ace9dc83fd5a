"lumin_nb: from a table of simulated collisions to a measured parameter"

from importlib.metadata import version

__version__ = version("lumin_nb")
