"""A backend as small as can be, with the interface that the automation relies on."""
