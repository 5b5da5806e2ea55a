"""Does the regression gate notice a defect, and is it silent where there is none?"""
