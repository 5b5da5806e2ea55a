"""Protocol files and their profiles."""

from bench.protocol.extend import PROTOCOLS as PROTOCOLS
from bench.protocol.extend import ProtocolError as ProtocolError
from bench.protocol.extend import protocol_names as protocol_names
from bench.protocol.load import load_protocol as load_protocol
from bench.protocol.load import protocol_hash as protocol_hash
from bench.protocol.load import read_protocol as read_protocol
from bench.protocol.load import validate as validate
from bench.protocol.model import Protocol as Protocol
