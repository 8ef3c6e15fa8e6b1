"""Where Bitbucket Cloud holds permissions, and which, lowest first: our names are the vendor's."""

REPOSITORY = "repository"
PROJECT = "project"
ROLES = {
    REPOSITORY: ("read", "write", "admin"),
    PROJECT: ("read", "write", "create-repo", "admin"),
}
