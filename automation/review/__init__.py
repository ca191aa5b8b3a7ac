"""Reviews a Dockerfile before it replaces the project's own: the `gordon` profile.

A candidate comes from a file or from Docker's AI agent, and is hostile input until a person accepts it. Its
text is searched before anything runs (`dangers`), linted (`lint`), built apart from the project's own builds,
checked against the contract and compared with the present file (`review`). It is adopted only if no finding
blocks it (`adoption`).
"""
