"""What every server of Luce shares: the bus, the inference client, the service host, media, telemetry, the local stack."""
