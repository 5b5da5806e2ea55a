"""The contracts: the types that datasets, cases, methods, estimates, scores and artefacts exchange."""

from bench.contract.card import Card as Card
from bench.contract.card import TrainingProvenance as TrainingProvenance
from bench.contract.estimate import Estimate as Estimate
from bench.contract.estimate import Outcome as Outcome
from bench.contract.estimate import Trace as Trace
from bench.contract.patient import Acquisition as Acquisition
from bench.contract.patient import LandmarkSet as LandmarkSet
from bench.contract.patient import Patient as Patient
from bench.contract.patient import PatientOrigin as PatientOrigin
from bench.contract.patient import Split as Split
from bench.contract.plugin import Artefact as Artefact
from bench.contract.plugin import Dataset as Dataset
from bench.contract.plugin import FinishedRun as FinishedRun
from bench.contract.plugin import Method as Method
from bench.contract.plugin import Miniature as Miniature
from bench.contract.plugin import ProceduralDataset as ProceduralDataset
from bench.contract.plugin import patient_origin as patient_origin
from bench.contract.plugin import prepare as prepare
from bench.contract.plugin import takes_space as takes_space
from bench.contract.problem import Case as Case
from bench.contract.problem import Image as Image
from bench.contract.problem import Problem as Problem
from bench.contract.problem import SearchSpace as SearchSpace
from bench.contract.problem import View as View
from bench.perturb import PoseDistribution as PoseDistribution
