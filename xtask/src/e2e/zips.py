"""Zips each function's program as Lambda takes it, and unpacks it as Lambda does.

Called with a folder that holds NAME/bootstrap for each NAME that follows. Makes NAME.zip and unpacked/NAME/bootstrap there, and prints each zip's size.
"""

import os
import sys
import zipfile

folder, names = sys.argv[1], sys.argv[2:]
for name in names:
    archive = os.path.join(folder, name + ".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        written.write(os.path.join(folder, name, "bootstrap"), "bootstrap")
    with zipfile.ZipFile(archive) as read:
        for entry in read.infolist():
            path = read.extract(entry, os.path.join(folder, "unpacked", name))
            os.chmod(path, entry.external_attr >> 16)
    print(name, os.path.getsize(archive))
