"""The engines that run the application: native, compose and cluster, with the same verbs."""
