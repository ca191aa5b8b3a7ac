"""The contract: profiles, rules and settings, read strictly."""
