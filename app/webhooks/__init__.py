"""Standard Webhooks 1.0: a team's endpoints, an outbox filled with the event itself, a courier that signs, sends and retries."""
