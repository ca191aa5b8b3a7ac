"""The agents that answer in the chat: the offline grammar, or a model behind one of three providers."""
