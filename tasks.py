"""The tasks that people type: `invoke --list` shows them, `invoke --help TASK` explains one.

Each theme is a module of `automation/tasks/`. A task in it is a signature, its flags and one call into the
library; a new one there is a new task here.
"""

from invoke.collection import Collection

from automation.tasks import application, cluster, compose, images, program, upkeep, verification

namespace = Collection()
for theme in (application, compose, images, verification, cluster, upkeep):  # as `invoke --list` has them
    for task in Collection.from_module(theme).tasks.values():
        namespace.add_task(task)

program.adopt()
