"""The registries that images lie in: one client that fills `webhook.admission.ports.Registry`.

Everything in here takes a registry for hostile: each answer has a deadline and a ceiling, content is believed by its
digest alone, and no URL that a registry names is used before it was judged (`endpoint`, `challenge`, `guard`).

- No socket is opened unless one of `RegistryClient`'s questions is asked; the allowlist is decided before that.
- A credential goes to the registry that it is for and to that registry's own token service, and nowhere else.
- Errors are `webhook.errors`; their messages are ASCII and hold neither what a registry wrote nor a URL it named.
"""
