"""Web Push: reminders as notifications of browsers, also while no page is open."""
