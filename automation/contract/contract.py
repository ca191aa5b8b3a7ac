"""The contract of a profile, or of one of its services: what gatherers try and checks require."""

from dataclasses import dataclass

from automation.contract.models import Backend, Frontend, Profile, Rules


@dataclass(frozen=True)
class Contract:
    """Requirements of a profile and of one of its services."""

    profile: Profile
    rules: Rules
    name: str = ""
    """`backend` or `frontend`; empty where the contract is that of the whole profile."""

    @property
    def service(self) -> Backend | Frontend:
        return self.profile.service(self.name)

    @property
    def accepted(self) -> tuple[str, ...]:
        """The variables that a container of the service may be started with."""
        own = self.service.environment.accepted
        if self.name == "frontend":
            return own
        backend = self.profile.backend.environment
        return tuple(dict.fromkeys((*own, *backend.required, backend.model_key)))

    @property
    def writable(self) -> tuple[str, ...]:
        """The folders that the service's process may write to."""
        return (*self.service.writable, *((self.rules.data_folder,) if self.name == "backend" else ()))
