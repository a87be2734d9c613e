"""The webhook configurations of a release, kept as the chart rendered them.

`webhooks` says what one is, and `wanted` reads those that the chart rendered. Pure are `drift`, which compares,
`mending`, which makes the object that is to be written, and `announcement`, which says it. `guard` is what runs.
"""
