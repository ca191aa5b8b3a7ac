"""The images: what they are built from, building, measuring and publishing them.

A `Plan` says everything about one image before Docker is asked for anything: `plan` makes it from a contract,
`building` converges on it, `size` weighs the result, `registry` publishes it.
"""
