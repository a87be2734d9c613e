"""What a developer reads when a pod is refused: one whole message for each finding code, as files.

`scenarios.yaml` says for each code which policy meets which pod, and what the registry answers. The real engine
decides, and its answer to the AdmissionReview is compared with `messages/<CODE>.txt`, character by character. After a
message was changed on purpose, `.venv/bin/python -m tests.golden` writes the files anew; read the difference before
you commit it.
"""
