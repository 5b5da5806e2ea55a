"""Problems as plain files for programs in any language, and answers of such programs as rows of a run.

``folder`` writes and reads the folder of one problem, ``export`` whole sets of them, ``answers`` reads a table of
answers, ``answered`` makes a run of them.
"""
