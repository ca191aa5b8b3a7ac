"""Reviewing a Dockerfile before it becomes the project's: the `gordon` profile.

A candidate comes from a file or from Docker's AI agent, and is hostile input until a person says otherwise.
Its text is looked at before anything runs (`dangers`), linted (`lint`), built apart from the project's own
builds (`trial`), held against the contract and compared with the present file (`reviewing`), and put in
place only when nothing stands against it (`adoption`).
"""
