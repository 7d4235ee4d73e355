"""Stand-ins for Launchpad's upload server on 127.0.0.1, for tests: real FTP and real SFTP.

They behave as txpkgupload does: every connection has a folder of its own, folders appear when
they are named, SFTP tells nothing of a file's attributes, and what came in is looked at when the
connection ends. Then the signatures, hashes and rules are checked, and the source package goes
into the stand-in Launchpad's world.
"""

from .ftp import FtpServer
from .intake import Intake
from .sftp import SftpServer

__all__ = ["FtpServer", "Intake", "SftpServer"]
