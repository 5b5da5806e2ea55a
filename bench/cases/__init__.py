"""One set-up of cases for runs, training and single registrations: prepare a patient, build a case, obtain its images.

``scene`` holds the set-up that a protocol states, ``prepare`` a patient under it, ``simulate`` and ``real`` the images,
``build`` whole cases with their records. Modules that read records or protocols need pydantic; the others do not.
"""
