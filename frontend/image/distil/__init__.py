"""Assembles the root file system of a small image: the named programs, what they load, and nothing else.

A slim base image exceeds the size budget of a whole image, and contains a shell and a package manager that
nobody needs at run time. So a build takes from the base only what it names: programs and trees, the shared
libraries that these need, and what vulnerability scanners need to know: the entries of the package
database and the licences of the packages that the files belong to.

The distiller runs in a build stage with the base's root mounted as a directory, and executes nothing of the
base. So it works for any base of the same architecture, Debian (glibc) and Alpine (musl):

    RUN --mount=type=bind,from=base,target=/base \\
        python3 -m distil --root /base --output /out --program /usr/local/bin/node --strip

Paths are paths inside the root, and may be patterns (`/usr/local/lib/python3.*`). A link is copied together
with its target. The same root gives the same output, byte for byte: every file has the same time, root owns
everything except the user's directories, and no setuid bit is kept.

Without `--program` and `--tree` only the other options are written, so that a second call can add a user.
"""
