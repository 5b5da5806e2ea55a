"""The training engine: seeds, data, budgets, checkpoints, validation, weights with cards. Independent of any network.

A method plug-in that can be trained declares ``trainer`` in its module: a frozen dataclass with defaults for every
field that fulfils ``Trainable``. Then ``fluorobench train NAME --budget 20m`` trains and exports it. A complete plug-in
of 80 lines is ``docs/examples/minimal_network.py``.

What a step uses must come from its ``source`` (``source.patients``, ``problems``, ``random``) or from torch's global
generator, which the engine seeds at every step: then a killed training resumes to the same bits, given the same number
of torch's threads (convolutions split their sums by them). ``source.step`` is the step's number. The engine calls
``total.backward(inputs=parameters)``, so a loss may itself hold ``torch.autograd.grad(..., create_graph=True)``;
``validate`` runs with gradients on (use ``torch.no_grad`` where none are needed). ``warped`` makes another patient of
one by a 3x3 matrix; ``Problems.patient.moving_map`` is what ``bench.drr`` projects.

Weights: ``methods/NAME/weights/NAME.safetensors`` and ``NAME.toml`` (``WeightsCard``; patient-specific ones carry the
patient's hash in their name). A method reads them with ``find_weights`` and ``load_weights(...).fill(network)`` in
``prepare``, and answers ``skip`` with ``refusal(card, problem)``, which states another camera, view count or patient in
one line. ``WeightsCard.provenance`` belongs into the plug-in's card.

Patients are prepared by ``bench.cases``, as in a run: ``scene_of("sopi-sim")`` is the set-up of that protocol (content,
camera, distributions, photons), ``population_of("lgff-sim")`` its patients, for networks of these very patients, and
``with_body(scene)`` makes a share of the problems X-rays of the whole body (``Problems.body`` marks them). A spawned
process generates the population's patients in advance in the dataset's cache; which patients a step uses depends on its
number alone, and it waits for them where necessary.
"""

from bench.cases.prepare import PreparedPatient as PreparedPatient
from bench.cases.scene import Scene as Scene
from bench.cases.scene import scene_of as scene_of
from bench.learn.body import BodyXrays as BodyXrays
from bench.learn.body import MixedScene as MixedScene
from bench.learn.body import with_body as with_body
from bench.learn.budget import TrainingBudget as TrainingBudget
from bench.learn.checkpoint import mark_finished as mark_finished
from bench.learn.contrast import local_contrast as local_contrast
from bench.learn.errors import CheckpointError as CheckpointError
from bench.learn.errors import TrainingError as TrainingError
from bench.learn.errors import WeightsError as WeightsError
from bench.learn.export import Export as Export
from bench.learn.export import export as export
from bench.learn.hardware import one_thread as one_thread
from bench.learn.loop import Trained as Trained
from bench.learn.loop import TrainingProgress as TrainingProgress
from bench.learn.loop import train as train
from bench.learn.population import Population as Population
from bench.learn.population import population_of as population_of
from bench.learn.schedules import one_cycle as one_cycle
from bench.learn.source import Library as Library
from bench.learn.source import Problems as Problems
from bench.learn.source import Source as Source
from bench.learn.trainable import Figures as Figures
from bench.learn.trainable import Losses as Losses
from bench.learn.trainable import Plan as Plan
from bench.learn.trainable import Trainable as Trainable
from bench.learn.untrained import UNTRAINED as UNTRAINED
from bench.learn.untrained import is_made as is_made
from bench.learn.untrained import untrained_weights as untrained_weights
from bench.learn.untrained import weights_folder as weights_folder
from bench.learn.warp import warped as warped
from bench.learn.weights import Weights as Weights
from bench.learn.weights import architecture_of as architecture_of
from bench.learn.weights import camera_refusal as camera_refusal
from bench.learn.weights import exact_last as exact_last
from bench.learn.weights import find_weights as find_weights
from bench.learn.weights import learnt_view as learnt_view
from bench.learn.weights import load_weights as load_weights
from bench.learn.weights import pixels_divide as pixels_divide
from bench.learn.weights import refusal as refusal
from bench.learn.weights import save_weights as save_weights
from bench.learn.weights import shipped_provenance as shipped_provenance
from bench.learn.weights import tell_of_resampling as tell_of_resampling
from bench.learn.weights_card import Earlier as Earlier
from bench.learn.weights_card import TrainedOn as TrainedOn
from bench.learn.weights_card import WeightsCard as WeightsCard
from bench.learn.weights_card import WeightsFile as WeightsFile
from bench.learn.weights_card import generated_population as generated_population
from bench.learn.weights_card import read_card as read_card
