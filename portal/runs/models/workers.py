"""The processes that do the work, and when they were last heard of."""

from django.db import models


class Worker(models.Model):
    """One worker, as it last said about itself."""

    name = models.CharField(max_length=120, primary_key=True)  # host:process
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True)
    queues = models.JSONField(default=list)
    memory_mb = models.PositiveIntegerField(default=0)  # of all its processes
    facts = models.JSONField(default=dict)  # isolation, tools, Python, slots

    def __str__(self) -> str:
        return self.name


class Heartbeat(models.Model):
    """When a part of the installation last said that it is alive."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%H:%M:%S}"
