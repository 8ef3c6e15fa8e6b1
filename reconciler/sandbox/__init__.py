"""Local AWS, GCP, Azure and Bitbucket on loopback. Only the CLI and the tests import this room."""
