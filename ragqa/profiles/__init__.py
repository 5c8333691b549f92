"""Profiles: settings for a folder of documents that fit what the machine can run.

A profile is a pipeline file without documents of its own. Three come with the package (`small`, `better`, `endpoint`,
in `ragqa/config/profiles/`); any other pipeline file can serve as one. `choose` takes the best one that this machine
can run, unless the user names one.
"""

from ragqa.profiles.choice import AUTO, Choice, Obstacle, choose, obstacle
from ragqa.profiles.figures import FIGURES, Figures
from ragqa.profiles.profile import NAMES, Profile, profile_file, read_profile

__all__ = [
    "AUTO",
    "FIGURES",
    "NAMES",
    "Choice",
    "Figures",
    "Obstacle",
    "Profile",
    "choose",
    "obstacle",
    "profile_file",
    "read_profile",
]
