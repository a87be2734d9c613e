"""Credentials from kubelet's credential provider plugins, as the nodes of a cluster get them.

`configuration` reads kubelet's CredentialProviderConfig, `patterns` says which images a provider is for, `execution`
runs its program, `answers` reads what that wrote, and `keychain` keeps answers for as long as they say.
"""
