"""AWS on loopback: moto, with what it does unlike AWS put right. Never looks outside the machine."""

from reconciler.sandbox.aws.local import AwsLocal

__all__ = ["AwsLocal"]
